package disk

import (
	"go.etcd.io/bbolt"

	"tokend/actors/vault"
)

// setDamagedAside moves records that do not open to where they are not in the
// way, to be looked at.
func (s *Store) setDamagedAside() error {
	damaged := map[string][]byte{}
	err := guarded(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			return eachRecord(tx, s.key, func(key vault.Key, value []byte, _ header, _ *content, err error) {
				if err != nil {
					s.complain(key, err)
					s.health.Damaged = append(s.health.Damaged, key.Service)
					damaged[string(place(key))] = append([]byte(nil), value...)
				}
			})
		})
	})
	if err != nil || len(damaged) == 0 {
		return err
	}
	return guarded(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error {
			aside := tx.Bucket(damagedBucket)
			room := mostAside - count(aside)
			for at, value := range damaged {
				if err := tx.Bucket(recordsBucket).Delete([]byte(at)); err != nil {
					return err
				}
				if room--; room < 0 {
					continue
				}
				if err := aside.Put([]byte(at), value); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// mostAside bounds what damage may pile up; there is nothing to learn from more.
const mostAside = 1000

func count(b *bbolt.Bucket) (n int) {
	c := b.Cursor()
	for at, _ := c.First(); at != nil; at, _ = c.Next() {
		n++
	}
	return n
}

// eachRecord calls f with every record, or why it does not open.
func eachRecord(tx *bbolt.Tx, d *dataKey, f func(key vault.Key, value []byte, h header, c *content, err error)) error {
	return tx.Bucket(recordsBucket).ForEach(func(at, value []byte) error {
		key := keyAt(at)
		h, c, err := d.unpack(key, value)
		defer c.wipe()
		f(key, value, h, &c, err)
		return nil
	})
}

package disk

import (
	"bytes"

	"go.etcd.io/bbolt"
)

// setDamagedAside moves records that do not open to where they are not in the
// way, to be looked at.
func (s *Store) setDamagedAside() error {
	damaged := map[string][]byte{}
	err := s.db.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(recordsBucket).ForEach(func(at, value []byte) error {
			key := keyAt(at)
			_, text, err := s.key.open(key, value)
			clear(text)
			if err != nil {
				s.complain(key, err)
				s.health.Damaged = append(s.health.Damaged, key.Service)
				damaged[string(at)] = bytes.Clone(value)
			}
			return nil
		})
	})
	if err != nil || len(damaged) == 0 {
		return err
	}
	return s.db.write(func(tx *bbolt.Tx) error {
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

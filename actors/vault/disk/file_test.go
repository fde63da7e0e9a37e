package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"tokend/actors/vault"
	"tokend/messages"
)

// filled makes a file with a few records.
func filled(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	s := b.open()
	for _, service := range []string{"billing", "crm", "erp"} {
		s.Save(b.record(service, 1, "token-of-"+service, "state-of-"+service))
	}
	b.close(s)
	return b
}

func (b *bench) bytes() []byte {
	b.Helper()
	text, err := os.ReadFile(b.path)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func (b *bench) fails(reason error) {
	b.Helper()
	before := b.bytes()
	s, err := Open(b.options())
	if err == nil {
		b.close(s)
	}
	if !errors.Is(err, reason) || !strings.Contains(fmt.Sprint(err), b.path) {
		b.Errorf("Open: %v, want %v", err, reason)
	}
	if !bytes.Equal(before, b.bytes()) {
		b.Error("the file was changed")
	}
}

func TestTheFileIsForItsOwnerAlone(t *testing.T) {
	b := filled(t)
	for path, want := range map[string]fs.FileMode{b.path: 0o600, filepath.Dir(b.path): 0o700} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want && runtime.GOOS != "windows" {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if runtime.GOOS == "windows" {
		t.Skip("modes mean nothing here")
	}
	if err := os.Chmod(b.path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(b.options()); err == nil || !strings.Contains(err.Error(), "make it 0600") {
		t.Errorf("a file that others may read: %v", err)
	}
	if err := errors.Join(os.Chmod(b.path, 0o600), os.Chmod(filepath.Dir(b.path), 0o770)); err != nil { //nolint:gosec // on purpose
		t.Fatal(err)
	}
	if _, err := Open(b.options()); err == nil || !strings.Contains(err.Error(), "make it 0700") {
		t.Errorf("a directory that others may write: %v", err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	b := filled(t)
	defer b.close(b.open())
	b.fails(errBusy)
	if _, err := Inspect(b.path, b.keys); !errors.Is(err, errBusy) {
		t.Errorf("Inspect: %v", err)
	}
	if _, err := Rotate(b.path, b.keys); !errors.Is(err, errBusy) {
		t.Errorf("Rotate: %v", err)
	}
}

func TestAWrongKeyLeavesTheFileAsItIs(t *testing.T) {
	b := filled(t)
	b.keys = []Key{newTestKey(t), newTestKey(t)}
	b.fails(errWrongKey)
	b.keys = nil
	b.fails(errNoKeys)
}

func TestTheFirstKeySealsAndAllOpen(t *testing.T) {
	b := filled(t)
	old := b.keys[0]
	b.keys = []Key{newTestKey(t), old}
	b.close(b.open())
	b.keys = b.keys[:1] // the old one is no longer needed
	s := b.open()
	b.want(s, "billing", "token-of-billing", "state-of-billing")
	b.close(s)
	b.keys = []Key{old}
	b.fails(errWrongKey)
}

func TestKeysAreReadInBase64AndHex(t *testing.T) {
	hex := strings.Repeat("0f", keySize)
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"what NewKey makes":      {NewKey().Reveal(), true},
		"hex":                    {hex, true},
		"with a newline":         {hex + "\n", true},
		"base64 without padding": {strings.TrimRight(NewKey().Reveal(), "="), true},
		"base64 for URLs":        {strings.NewReplacer("+", "-", "/", "_").Replace(NewKey().Reveal()), true},
		"a short one":            {hex[2:], false},
		"a long one":             {hex + "0f", false},
		"a pass phrase":          {"correct horse battery staple", false},
		"nothing":                {"", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k, err := ParseKey(messages.NewSecret(tt.text))
			if (err == nil) != tt.ok || err != nil && tt.text != "" && strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v", err)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
				if got := fmt.Sprintf(verb, k); got != messages.Redacted {
					t.Errorf("%s prints %s", verb, got)
				}
			}
		})
	}
}

// edit changes the file as bbolt lets it be changed.
func (b *bench) edit(f func(records *bbolt.Bucket) error) {
	b.Helper()
	db, err := bbolt.Open(b.path, 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return f(tx.Bucket(recordsBucket)) })
	if err := errors.Join(err, db.Close()); err != nil {
		b.Fatal(err)
	}
}

// original returns a copy of billing's record as it lies in the file.
func (b *bench) original() (value []byte) {
	b.edit(func(records *bbolt.Bucket) error {
		value = bytes.Clone(records.Get([]byte("billing\x00")))
		return nil
	})
	return value
}

func TestAFlippedBitInARecordCostsThatRecordAlone(t *testing.T) {
	b := filled(t)
	value := b.original()
	step := 1
	if testing.Short() {
		step = 16
	}
	for i := 0; i < len(value); i += step {
		changed := bytes.Clone(value)
		changed[i] ^= 1 << rand.IntN(8)
		key := openWith(t, b)
		if _, _, err := key.unpack(vault.Key{Service: "billing"}, changed); err == nil {
			t.Fatalf("opened with byte %d changed", i)
		}
	}
	value[len(value)/2] ^= 1
	b.edit(func(records *bbolt.Bucket) error { return records.Put([]byte("billing\x00"), value) })
	s := b.open()
	b.want(s, "billing", "", "")
	b.want(s, "erp", "token-of-erp", "state-of-erp")
	if h := s.Health(); len(h.Damaged) != 1 || h.Damaged[0] != "billing" {
		t.Errorf("health %+v", h)
	}
	b.close(s)
	if !strings.Contains(b.logs.String(), "billing") {
		t.Errorf("the log does not name the service:\n%s", b.logs)
	}
	entries, err := Inspect(b.path, b.keys)
	if err != nil || len(entries) != 3 || !entries[2].Aside || entries[2].Key.Service != "billing" {
		t.Errorf("Inspect: %+v, %v", entries, err)
	}
}

var opener *dataKey

// openWith returns the data key of the file, which is read once.
func openWith(t *testing.T, b *bench) *dataKey {
	t.Helper()
	if opener == nil {
		db, err := openFile(b.path, toRead)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if opener, _, err = unlock(db, b.keys); err != nil {
			t.Fatal(err)
		}
	}
	return opener
}

func TestOnlySoMuchIsSetAside(t *testing.T) {
	b := filled(t)
	b.edit(func(records *bbolt.Bucket) error {
		for i := range mostAside + 7 {
			if err := records.Put(fmt.Appendf(nil, "s%d\x00", i), []byte("damaged")); err != nil {
				return err
			}
		}
		return nil
	})
	for range 2 {
		b.close(b.open())
		entries, err := Inspect(b.path, b.keys)
		if err != nil || len(entries) != 3+mostAside {
			t.Errorf("%d entries, %v", len(entries), err)
		}
		b.edit(func(records *bbolt.Bucket) error { return records.Put([]byte("more\x00"), []byte("damaged")) })
	}
}

func TestAWornDataKeyIsReportedAndARotationBeginsAnew(t *testing.T) {
	b := filled(t)
	b.edit(func(records *bbolt.Bucket) error {
		return records.Tx().Bucket(metaBucket).Put(sealsKey, binary.BigEndian.AppendUint64(nil, sealsPerKey-1))
	})
	for start, want := range []int{0, 2, 3} { // by what the first Store seals, and at every start after that
		s := b.open()
		if got := strings.Count(b.logs.String(), textWorn); got != want {
			t.Errorf("start %d: reported %d times, want %d", start, got, want)
		}
		s.Save(b.record("billing", uint64(start)+2, "token", "state")) //nolint:gosec // small
		b.close(s)
	}
	if _, err := Rotate(b.path, b.keys); err != nil {
		t.Fatal(err)
	}
	s := b.open()
	defer b.close(s)
	if s.seals != 3 || strings.Count(b.logs.String(), textWorn) != 3 {
		t.Errorf("%d seals of a new key, reported:\n%s", s.seals, b.logs)
	}
}

func TestSwappedRecordsDoNotOpen(t *testing.T) {
	b := filled(t)
	b.edit(func(records *bbolt.Bucket) error {
		one, other := bytes.Clone(records.Get([]byte("billing\x00"))), bytes.Clone(records.Get([]byte("erp\x00")))
		return errors.Join(records.Put([]byte("billing\x00"), other), records.Put([]byte("erp\x00"), one))
	})
	s := b.open()
	b.want(s, "billing", "", "")
	b.want(s, "erp", "", "")
	b.want(s, "crm", "token-of-crm", "state-of-crm")
	b.close(s)
}

func TestATruncatedFileIsAClearError(t *testing.T) {
	b := filled(t)
	whole := b.bytes()
	for size := len(whole) - 1; size > 0; size -= 1021 {
		if err := os.WriteFile(b.path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(b.options())
		if err != nil {
			if !errors.Is(err, errBroken) {
				t.Errorf("%d of %d bytes: %v", size, len(whole), err)
			}
			continue
		}
		onlyTheTruth(t, b, s)
	}
}

// onlyTheTruth checks that what a Store gives is what was saved, or nothing.
func onlyTheTruth(t *testing.T, b *bench, s *Store) {
	t.Helper()
	for _, service := range []string{"billing", "crm", "erp"} {
		rec, err := s.Load(vault.Key{Service: service})
		if err != nil || rec == nil {
			continue
		}
		if token := reveal(t, rec.AccessToken); token != "token-of-"+service || !rec.ExpiresAt.Equal(b.record(service, 1, "", "").ExpiresAt) {
			t.Errorf("%s: %q until %v", service, token, rec.ExpiresAt)
		}
	}
	_ = s.Close() // it may have found more that is damaged
}

func TestAFlippedBitInTheFileNeverMakesAWrongToken(t *testing.T) {
	b := filled(t)
	whole, value := b.bytes(), b.original()
	at := bytes.LastIndex(whole, value)
	if at < 0 {
		t.Fatal("the record is not in the file as a whole")
	}
	t.Run("every byte of a record", func(t *testing.T) { b.flip(t, span(at, at+len(value))) })
	t.Run("every byte of what leads to the pages", func(t *testing.T) {
		b.flip(t, append(span(0, metaSize), span(os.Getpagesize(), os.Getpagesize()+metaSize)...))
	})
	t.Run("anywhere", func(t *testing.T) {
		var anywhere []int
		for range 400 {
			anywhere = append(anywhere, rand.IntN(len(whole)))
		}
		b.flip(t, anywhere)
	})
}

// metaSize is how much of its first two pages bbolt uses.
const metaSize = 16 + 64

func span(from, to int) (all []int) {
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

// flip opens the file again and again, each time with a bit of another byte changed.
func (b *bench) flip(t *testing.T, places []int) {
	if raceDetector {
		t.Skip("the race detector itself dies of reading a page that is not there, where the program gets a panic")
	}
	if testing.Short() {
		places = places[:len(places)/8]
	}
	whole := b.bytes()
	for _, i := range places {
		changed := bytes.Clone(whole)
		changed[i] ^= 1 << rand.IntN(8)
		if err := os.WriteFile(b.path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(b.options()); err == nil {
			onlyTheTruth(t, b, s)
		}
	}
	if err := os.WriteFile(b.path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNoVaultIsLeftAlone(t *testing.T) {
	tests := map[string][]byte{
		"a text":      []byte(strings.Repeat("some text that is no vault\n", 2000)),
		"a short one": []byte("text"),
		"zeros":       make([]byte, 1<<16),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if err := errors.Join(os.MkdirAll(filepath.Dir(b.path), 0o700), os.WriteFile(b.path, text, 0o600)); err != nil {
				t.Fatal(err)
			}
			b.fails(errBroken)
		})
	}
	t.Run("a database of somebody else's", func(t *testing.T) {
		b := filled(t)
		b.edit(func(records *bbolt.Bucket) error {
			_, err := records.Tx().CreateBucket([]byte("theirs"))
			return errors.Join(err, records.Tx().DeleteBucket(metaBucket))
		})
		b.fails(errBroken)
	})
	t.Run("a later format", func(t *testing.T) {
		b := filled(t)
		b.edit(func(records *bbolt.Bucket) error {
			return records.Tx().Bucket(metaBucket).Put(formatKey, []byte("2"))
		})
		b.fails(errNewer)
	})
}

func TestRotationChangesEveryByteThatIsSealedAndKeepsWhatItSays(t *testing.T) {
	b := filled(t)
	old, before := b.original(), b.bytes()
	s := b.open()
	identity := fmt.Sprintf("%x", s.Identity().Sum(nil))
	b.close(s)
	n, err := Rotate(b.path, b.keys)
	if err != nil || n != 3 {
		t.Fatalf("%d records, %v", n, err)
	}
	if bytes.Contains(b.bytes(), old[headerSize:]) || !bytes.Contains(before, old) {
		t.Error("the old record is still in the file")
	}
	s = b.open()
	b.want(s, "erp", "token-of-erp", "state-of-erp")
	if got := fmt.Sprintf("%x", s.Identity().Sum(nil)); got != identity {
		t.Error("the identity is another one")
	}
	b.close(s)
	if left, err := filepath.Glob(b.path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestRotationStopsAtADamagedRecord(t *testing.T) {
	b := filled(t)
	value := b.original()
	value[len(value)-1] ^= 1
	b.edit(func(records *bbolt.Bucket) error { return records.Put([]byte("billing\x00"), value) })
	before := b.bytes()
	if _, err := Rotate(b.path, b.keys); !errors.Is(err, errDamaged) || !strings.Contains(err.Error(), "billing") {
		t.Errorf("Rotate: %v", err)
	}
	if !bytes.Equal(before, b.bytes()) {
		t.Error("the file was changed")
	}
	if _, err := Rotate(filepath.Join(t.TempDir(), "none"), b.keys); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestInspectTellsWhatIsKeptButNoSecret(t *testing.T) {
	b := filled(t)
	entries, err := Inspect(b.path, b.keys)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%+v, %v", entries, err)
	}
	e := entries[0]
	if e.Key.Service != "billing" || e.Generation != 3 || !e.State || e.Failure != messages.ClassTransient ||
		e.Fingerprint != messages.Fingerprint("token-of-billing") || !e.CreatedAt.Equal(birth) {
		t.Errorf("%+v", e)
	}
	if text := fmt.Sprintf("%+v", entries); strings.Contains(text, "token-of") || strings.Contains(text, "state-of") {
		t.Error("a secret is told")
	}
}

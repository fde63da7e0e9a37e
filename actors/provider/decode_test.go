package provider

import (
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

func TestTextsAreReadInTheirCharset(t *testing.T) {
	for name, c := range map[string]struct {
		by         encoding.Encoding
		kind, text string
	}{
		"GBK":                    {simplifiedchinese.GBK, "application/json;charset=GBK", "密码错误"},
		"GB 2312":                {simplifiedchinese.GBK, `application/json; charset="gb2312"`, "用户不存在"},
		"GB 18030":               {simplifiedchinese.GB18030, "application/json; charset=gb18030", "密码错误𠀀"},
		"Big5":                   {traditionalchinese.Big5, "application/json; Charset=Big5", "密碼錯誤"},
		"Shift JIS":              {japanese.ShiftJIS, "application/json; charset=Shift_JIS", "能力がありません"}, // 0x5c is half of the first
		"EUC-KR":                 {korean.EUCKR, "application/json; charset='euc-kr'", "비밀번호 오류"},
		"Latin-1":                {charmap.Windows1252, "application/json; charset=iso-8859-1", "ungültig"},
		"Windows, Cyrillic":      {charmap.Windows1251, "application/json; charset=windows-1251;", "неверный пароль"},
		"UTF-8, called Latin-1":  {encoding.Nop, "application/json; charset=iso-8859-1", "ungültig"},
		"UTF-8":                  {encoding.Nop, "application/json; charset=utf8", "密码错误"},
		"UTF-8, unknown charset": {encoding.Nop, "application/json; charset=x-none", "密码错误"},
		"UTF-8, no charset":      {encoding.Nop, "application/json", "密码错误"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := c.by.NewEncoder().String(`{"error":"invalid_client","error_description":"` + c.text + `"}`)
			if err != nil {
				t.Fatal(err)
			}
			got := failure(t, mustClient(t, client(t, serve(t, says(400, body, "Content-Type", c.kind)).URL)))
			wantFailure(t, got, "rejected", "400 invalid_client: "+c.text)
		})
	}
}

func TestASecretInAnotherCharsetDoesNotShow(t *testing.T) {
	body, err := simplifiedchinese.GBK.NewEncoder().String(`{"error":"x","error_description":"密码错误密码 is wrong"}`)
	if err != nil {
		t.Fatal(err)
	}
	settings := client(t, serve(t, says(400, body, "Content-Type", "application/json;charset=gbk")).URL)
	settings.ClientSecret = hush("密码错误密码")
	wantFailure(t, failure(t, mustClient(t, settings)), "rejected", "400 x: [redacted] is wrong")
}

func TestAByteOrderMarkIsNoPartOfWhatIsPrinted(t *testing.T) {
	for name, text := range map[string]string{
		"a token":           "\ufeffat\n",
		"JSON":              "\ufeff" + `{"access_token":"at"}`,
		"JSON and spaces":   "\ufeff\r\n" + `{"access_token":"at"}`,
		"JSON in UTF-16":    "\xff\xfe{\x00\"\x00a\x00c\x00c\x00e\x00s\x00s\x00_\x00t\x00o\x00k\x00e\x00n\x00\"\x00:\x00\"\x00a\x00t\x00\"\x00}\x00",
		"no mark":           "at",
		"a token in UTF-16": "\xfe\xff\x00a\x00t",
	} {
		t.Run(name, func(t *testing.T) {
			res, err := parsePrinted(FormatAuto, []byte(text))
			if err != nil || res.AccessToken.Reveal() != "at" {
				t.Errorf("got %q, %v", res.AccessToken.Reveal(), err)
			}
		})
	}
}

func TestFormsAreReadInAnyOrder(t *testing.T) {
	form := func(text string) row { return row{says(200, text, "Content-Type", "text/plain"), "Bearer at for 59s"} }
	wantAnswered(t, map[string]row{
		"the token first": form("access_token=at&expires_in=60&token_type=bearer"),
		"the token last":  form("expires_in=60&token_type=bearer&access_token=at"),
		"in the middle":   form("scope=&access_token=at&expires_in=60"),
		"a line end":      form("expires_in=60&access_token=at\n"),
		"other members":   form("x.y-z=a%20b&access_token=at&expires_in=60"),
		"called HTML":     {says(200, "expires_in=60&access_token=at", "Content-Type", "text/html"), "Bearer at for 59s"},
		"of no type":      {says(200, "expires_in=60&access_token=at", "Content-Type", ""), "Bearer at for 59s"},
		"an older name":   form("expires=60&access_token=at"),
		"both names":      form("expires=3600&access_token=at&expires_in=60"),
		"a word for it":   {says(200, "expires=never&access_token=at", "Content-Type", "text/plain"), "malformed: token comes without a lifetime: set default_ttl"},
		"none in JSON":    {body(`{"access_token":"at","expires":60}`), "malformed: token comes without a lifetime: set default_ttl"},
		"an error":        {says(400, "error_description=no+client&error=invalid_client", "Content-Type", "text/plain"), "rejected: 400 invalid_client: no client"},
		"another form":    {says(200, "a=b&c=d", "Content-Type", "text/plain"), notJSON},
		"a text":          {says(200, "the access_token=at is yours", "Content-Type", "text/plain"), notJSON},
		"several lines":   {says(200, "a=b\n&access_token=at", "Content-Type", "text/plain"), notJSON},
	})
}

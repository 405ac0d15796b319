package bootmap

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sample is a boot of ten seconds with a name that tries to be markup.
func sample() Map {
	return Map{
		Storage: "5MiB/s", Accelerator: "kvm", Recorded: time.Unix(1<<30, 0).UTC(), Size: 64 * block, Login: 10, Waited: 3, Bytes: 5 * page, Requests: 7, Runs: 2,
		Blocks: []Block{{Index: 0, At: 0.5, What: "/boot/<b>kernel"}, {Index: 1, At: 4, What: "/usr/bin/a"}, {Index: 63, At: 9, What: "journal"}},
		Phases: []Span{
			{Name: "firmware", End: 2, Blocks: 1, Bytes: page},
			{Name: "kernel", Start: 2, End: 4, Waited: 1},
			{Name: "units", Start: 4, End: 10, Blocks: 2, Bytes: 4 * page, Waited: 2},
		},
		Units: []Span{{Name: "a.service", Start: 4, End: 8, Waited: 1}, {Name: "late.service", Start: 9.5, End: 10}},
		Files: []File{{What: "/boot/<b>kernel", Blocks: 1, Bytes: page, Waited: 2, Units: []string{}}, {What: "/usr/bin/a", Blocks: 1, Bytes: 2 * page, Waited: 1, Units: []string{"a.service"}}},
	}
}

func writePage(t *testing.T, m Map) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := m.WritePage(&text, "img-1 <script>alert(1)</script>"); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// The page needs nothing from elsewhere, and what an image names is text.
func TestPage(t *testing.T) {
	t.Parallel()
	text := string(writePage(t, sample()))
	for _, want := range []string{"10.0 s", "waited 3.0 s", "/boot/&lt;b&gt;kernel", "a.service 4.0 s", "512 KiB", "default-src &#39;none&#39;"} {
		if !strings.Contains(text, want) && !strings.Contains(text, strings.ReplaceAll(want, "&#39;", "'")) {
			t.Errorf("lacks %q", want)
		}
	}
	if found := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|@import|url\(|https?://|\son[a-z]+=|<b>`).FindString(text); found != "" {
		t.Errorf("has %q", found)
	}

	warm := sample()
	warm.Storage = "warm"
	warm.Waited = 0
	if text := string(writePage(t, warm)); !strings.Contains(text, "login after 10.1 s at 5MiB/s") {
		t.Errorf("foretells nothing: %s", text)
	}
	if text := writePage(t, Map{}); len(text) == 0 {
		t.Error("an empty map has no page")
	}
}

// A browser draws each phase as long as it took, asks nobody for anything, and prints the page.
func TestPageInABrowser(t *testing.T) {
	t.Parallel()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no browser: ", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 100)
	text := writePage(t, sample())
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(text)
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	dir := t.TempDir()
	shot := filepath.Join(dir, "page.png")
	paper := filepath.Join(dir, "page.pdf")
	url := "http://" + listener.Addr().String() + "/page"
	for _, args := range [][]string{{"--screenshot=" + shot, "--window-size=1100,1400"}, {"--print-to-pdf=" + paper}} {
		browse(t, browser, dir, append(args, url))
	}

	close(asked)
	for path := range asked {
		if path != "/page" && path != "/favicon.ico" { // which browsers ask for by themselves
			t.Errorf("the page asks for %s", path)
		}
	}

	picture := readPicture(t, shot)
	whole := runOf(picture, phaseFills["firmware"]) + runOf(picture, phaseFills["kernel"]) + runOf(picture, phaseFills["units"])
	for name, share := range map[string]float64{"firmware": 0.2, "kernel": 0.2, "units": 0.6} {
		if got := float64(runOf(picture, phaseFills[name])) / float64(whole); got < share-0.02 || got > share+0.02 {
			t.Errorf("%s is %.2f of the timeline, want %.2f", name, got, share)
		}
	}
	if whole < 800 {
		t.Errorf("the timeline is %d pixels long", whole)
	}
	if waits := runOf(picture, waitFill); waits < whole/10 || waits > whole/4 {
		t.Errorf("the longest wait is %d of %d pixels", waits, whole)
	}
	if printed, err := os.ReadFile(paper); err != nil || !bytes.HasPrefix(printed, []byte("%PDF")) || !bytes.Contains(printed, []byte("/Count 1")) {
		t.Errorf("printed %d bytes, not one page: %v", len(printed), err)
	}
}

func browse(t *testing.T, browser, dir string, args []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-pdf-header-footer", "--user-data-dir=" + filepath.Join(dir, "profile")}, args...)
	cmd := exec.CommandContext(ctx, browser, args...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(errors.Join(err, errors.New(string(out))))
	}
}

func readPicture(t *testing.T, path string) image.Image {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// runOf is the length of the longest horizontal run of a colour, in pixels.
func runOf(picture image.Image, hex string) int {
	want := color.RGBA{A: 0xff}
	for i, part := range []*uint8{&want.R, &want.G, &want.B} {
		for _, digit := range hex[1+2*i : 3+2*i] {
			*part = *part<<4 | uint8(strings.IndexRune("0123456789abcdef", digit))
		}
	}

	longest := 0
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		run := 0
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			run++
			if color.RGBAModel.Convert(picture.At(x, y)) != want {
				run = 0
			}
			longest = max(longest, run)
		}
	}

	return longest
}

package component

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Holds evaluates a condition whose references are resolved, with the call's directory and PATH.
func (c *Condition) Holds(ctx context.Context, call *Call) (bool, error) {
	return c.holds(ctx, surroundings{dir: call.Dir, env: call.Env})
}

// surroundings are the parts of the machine that a condition sees.
type surroundings struct {
	dir string
	env []string
}

func (c *Condition) holds(ctx context.Context, around surroundings) (bool, error) {
	switch c.Operator {
	case "and", "or":
		for _, operand := range c.Operands {
			if holds, err := operand.holds(ctx, around); err != nil || holds == (c.Operator == "or") {
				return holds, err
			}
		}
		return c.Operator == "and", nil
	case "not":
		holds, err := c.Operands[0].holds(ctx, around)
		return !holds && err == nil, err
	}

	baseline := c.Baseline.Text

	switch operators[c.Operator] {
	case takesValue:
		return compare(c.Operator, c.Tested.Text, baseline)
	case takesPath:
		return hashEquals(ctx, c.Operator, around.path(c.Tested.Text), baseline)
	}

	switch c.Operator {
	case "stringIsEmpty":
		return baseline == "", nil
	case "stringIsWhitespace":
		return baseline != "" && strings.TrimSpace(baseline) == "", nil
	case "binaryExists":
		return around.binary(baseline), nil
	}

	info, err := os.Stat(around.path(baseline))
	return err == nil && info.IsDir() == (c.Operator == "folderExists"), nil
}

func (a surroundings) path(p string) string {
	if filepath.IsAbs(p) || a.dir == "" {
		return p
	}
	return filepath.Join(a.dir, p)
}

// builtins are the names that `type` in bash finds without a file.
var builtins = strings.Fields(`alias bg bind break builtin caller cd command compgen complete compopt continue declare dirs
	disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill let local logout mapfile popd
	printf pushd pwd read readarray readonly return set shift shopt source suspend test times trap true type typeset ulimit
	umask unalias unset wait if then else elif fi case esac for select while until do done in function time . : [ [[ ]] { } !`)

// binary reports whether bash's `type` would find name: a builtin, or an executable file on the PATH.
func (a surroundings) binary(name string) bool {
	if slices.Contains(builtins, name) {
		return true
	}
	if strings.Contains(name, "/") {
		return executable(a.path(name))
	}

	search := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, variable := range a.env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			search = value
		}
	}

	for _, dir := range filepath.SplitList(search) {
		if name != "" && executable(filepath.Join(a.path(dir), name)) {
			return true
		}
	}

	return false
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}

// compare compares a value with the baseline: texts ignoring case, patterns with case.
func compare(operator, tested, baseline string) (bool, error) {
	if operator == "patternMatches" {
		pattern, err := compilePattern(baseline)
		if err != nil {
			return false, err
		}
		return pattern.MatchString(tested), nil
	}

	var order int
	relation, isNumber := strings.CutPrefix(operator, "number")
	if isNumber {
		bound, ok := parseNumber(baseline)
		if !ok {
			return false, fmt.Errorf("compare numbers: %q is not a number", baseline)
		}
		number, ok := parseNumber(tested)
		if !ok {
			return false, nil
		}
		order = number.Cmp(bound)
	} else {
		relation = strings.TrimPrefix(operator, "string")
		order = cmp.Compare(strings.ToLower(tested), strings.ToLower(baseline))
	}

	switch relation {
	case "LessThan":
		return order < 0, nil
	case "LessThanEquals":
		return order <= 0, nil
	case "GreaterThan":
		return order > 0, nil
	case "GreaterThanEquals":
		return order >= 0, nil
	}

	return order == 0, nil
}

// compilePattern compiles a pattern of bounded size: matching takes time linear in the text, times the size of the
// pattern.
func compilePattern(text string) (*regexp.Regexp, error) {
	if len(text) > 10_000 {
		return nil, errors.New("compile pattern: longer than 10,000 characters")
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("compile pattern: %w", err)
	}
	return pattern, nil
}

var number = regexp.MustCompile(`^[-+]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][-+]?[0-9]+)?$`)

// parseNumber reads a decimal number in the range of a float64.
func parseNumber(text string) (*big.Float, bool) {
	if len(text) > 400 || !number.MatchString(text) {
		return nil, false
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		return nil, false
	}
	return new(big.Float).SetPrec(512).SetString(text)
}

// hashEquals compares a file's checksum, ignoring the case of hex digits. A missing file has none.
func hashEquals(ctx context.Context, operator, file, want string) (bool, error) {
	sum := map[string]func() hash.Hash{
		"fileMD5Equals": md5.New, "fileSHA1Equals": sha1.New, "fileSHA256Equals": sha256.New, "fileSHA512Equals": sha512.New,
	}[operator]()

	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("hash file: %w", err)
	}
	defer f.Close()

	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false, errors.Join(fmt.Errorf("hash file %s: not a regular file", file), err)
	}
	if _, err := io.Copy(sum, contextReader{ctx, f}); err != nil {
		return false, fmt.Errorf("hash file %s: %w", file, err)
	}

	return strings.EqualFold(hex.EncodeToString(sum.Sum(nil)), strings.TrimSpace(want)), nil
}

// contextReader stops reading when the context ends.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// cut shortens a text to n bytes without splitting a rune.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

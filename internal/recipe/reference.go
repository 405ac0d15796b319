package recipe

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"image-builder/internal/finding"
	"image-builder/internal/image"
	"image-builder/internal/s3uri"
)

var (
	scheme     = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)://`)
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	sha256Hex  = regexp.MustCompile(`^sha256=[0-9a-f]{64}$`)
	storedBase = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	scpURL     = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9.-]+:[^ ]+$`)
	slashForm  = regexp.MustCompile(`^([A-Za-z0-9._-]+@[A-Za-z0-9.-]+)/(.+)$`)
	hostForm   = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+/`)
)

const diskForms = "write debian:SUITE or ubuntu:SUITE, a path to a .raw or .qcow2 file, https://…#sha256=…, ssm:/name, ami-… or the name of a stored base"

func checkBase(v value) (string, *fault) {
	text := v.text
	wrong := &fault{code: finding.RecipeBase, message: fmt.Sprintf("%q is not a base", text), right: diskForms}

	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case scheme.MatchString(text):
		return checkBaseURL(v)
	case kind == "ssm":
		return text, parameterFault(finding.RecipeBase, rest)
	case slices.Contains(image.Vendors(), kind) && kind != text:
		return checkDistribution(text)

	case image.IsAMI(text):
		return text, nil

	case strings.HasPrefix(text, "ami-") && !isPath(text):
		wrong.message = fmt.Sprintf("%q is not an AMI ID", text)
		wrong.right = "write ami- and 8 or 17 digits of 0-9 a-f"
	case isPath(text):
		return checkFile(v, false)

	case storedBase.MatchString(text):
		return text, nil
	case slices.Contains(append(image.Vendors(), "ssm"), strings.ToLower(kind)):
		wrong.right = "write " + strings.ToLower(kind) + ":" + rest
	}

	return "", wrong
}

// checkDistribution accepts a known suite, and an unknown one that resembles none: an archive may have suites of its
// own.
func checkDistribution(text string) (string, *fault) {
	d, _, err := image.ParseDistribution(text)
	if wrong := (*image.NameError)(nil); errors.As(err, &wrong) {
		return "", &fault{code: finding.RecipeBase, message: wrong.Message, right: wrong.Right}
	}

	known := image.Suites(d.Vendor)
	near := finding.Nearest(d.Suite, known)
	if near == "" || slices.Contains(known, d.Suite) {
		return text, nil
	}

	return "", &fault{
		code: finding.RecipeBase, message: fmt.Sprintf("%s does not have a suite %q", d.Vendor, d.Suite),
		right: fmt.Sprintf("did you mean %s:%s?", d.Vendor, near),
	}
}

// isPath separates paths from names.
func isPath(text string) bool {
	return strings.Contains(text, "/") || slices.Contains([]string{".raw", ".qcow2", ".img"}, filepath.Ext(text))
}

func checkBaseURL(v value) (string, *fault) {
	wrong := &fault{code: finding.RecipeBase}
	parsed, err := url.Parse(v.text)
	switch {
	case err != nil || parsed.Host == "":
		wrong.message = "this URL cannot be read"
		wrong.right = "write https://host/disk.qcow2#sha256=…"
	case parsed.Scheme != "https":
		wrong.message = fmt.Sprintf("a base cannot be fetched by %s", parsed.Scheme)
		wrong.right = "write an https:// URL, or fetch the disk and name its path"
		wrong.length = len(parsed.Scheme)

	case parsed.Fragment == "":
		wrong.message = "the checksum is missing"
		wrong.right = "add #sha256= and the 64 digits of the file's SHA-256"
	case !sha256Hex.MatchString(parsed.Fragment):
		wrong.message = "the checksum is not a SHA-256"
		wrong.right = "write #sha256= and 64 digits of 0-9 a-f"
		wrong.offset = strings.LastIndex(v.text, "#")
		wrong.length = len(v.text) - wrong.offset

	default:
		return v.text, nil
	}

	return "", wrong
}

func parameterFault(code finding.Code, name string) *fault {
	if wrong := (*image.NameError)(nil); errors.As(image.CheckParameterName(name), &wrong) {
		return &fault{code: code, message: wrong.Message, right: strings.Replace(wrong.Right, "write ", "write ssm:", 1)}
	}
	return nil
}

func checkScript(v value) (string, *fault)   { return checkSource(v, "a script") }
func checkDocument(v value) (string, *fault) { return checkSource(v, "a component document") }

// checkSource accepts a local file or an s3:// URL.
func checkSource(v value, what string) (string, *fault) {
	found := scheme.FindStringSubmatch(v.text)
	if found == nil {
		return checkFile(v, false)
	}
	if s3uri.Is(v.text) {
		return v.text, checkS3(v.text, true)
	}

	return "", &fault{
		code: finding.RecipeReference, message: fmt.Sprintf("%s cannot be read by %s", what, found[1]),
		right: "write a path or " + suggestS3(v.text), length: len(found[1]),
	}
}

// suggestS3 turns an S3 object's https address into its s3:// URL.
func suggestS3(text string) string {
	parsed, err := url.Parse(text)
	if err != nil || !strings.Contains(parsed.Host, "amazonaws.com") {
		return "s3://bucket/key"
	}
	if bucket, _, virtual := strings.Cut(parsed.Host, ".s3"); virtual && bucket != "" {
		return s3uri.Join(bucket, strings.TrimPrefix(parsed.Path, "/"))
	}
	return "s3:/" + parsed.Path
}

func checkS3(text string, object bool) *fault {
	bucket, key, _ := s3uri.Split(text)
	wrong := &fault{code: finding.RecipeReference, right: "write s3://bucket/key"}
	switch {
	case !bucketName.MatchString(bucket):
		wrong.message = fmt.Sprintf("%q is not a bucket name", bucket)
	case object && (key == "" || strings.HasSuffix(key, "/")):
		wrong.message = "this names a bucket or folder, not an object"
	default:
		return nil
	}

	return wrong
}

func checkSecrets(v value) (string, *fault) {
	kind, rest, _ := strings.Cut(v.text, ":")
	found := scheme.FindStringSubmatch(v.text)
	switch {
	case s3uri.Is(v.text):
		return v.text, checkS3(v.text, false)
	case found != nil:
		return "", &fault{
			code: finding.RecipeReference, message: fmt.Sprintf("secrets cannot be read by %s", found[1]), length: len(found[1]),
			right: "write a path, s3://bucket/prefix, secretsmanager:NAME or ssm:/path",
		}

	case kind == "ssm":
		return v.text, parameterFault(finding.RecipeReference, rest)
	case kind == "secretsmanager" && rest != "":
		return v.text, nil
	case kind == "secretsmanager":
		return "", &fault{code: finding.RecipeReference, message: "the secret's name is missing", right: "write secretsmanager:NAME"}
	}

	return checkFile(v, true)
}

// checkFile accepts a path to an existing file.
func checkFile(v value, folder bool) (string, *fault) {
	path := v.path()
	info, err := os.Stat(path)

	wrong := &fault{code: finding.RecipeFile, right: "create it, or correct the path; it is relative to where it is written"}
	switch {
	case err != nil:
		wrong.message = fmt.Sprintf("read %s: %s", path, cause(err))
		wrong.right = nearestFile(path, wrong.right)
	case info.IsDir() && !folder:
		wrong.message = path + " is a directory"
		wrong.right = "name a file in it"
	case !info.IsDir() && !info.Mode().IsRegular():
		wrong.message = path + " is not a regular file"
		wrong.right = "name a file"
	default:
		return path, nil
	}

	return "", wrong
}

// nearestFile suggests a file of the same directory.
func nearestFile(path, otherwise string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return otherwise
	}
	var names []string
	for _, entry := range entries[:min(len(entries), 1000)] {
		names = append(names, entry.Name())
	}

	if near := finding.Nearest(filepath.Base(path), names); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return otherwise
}

// checkGit accepts the URLs that git clone accepts. https://git-scm.com/docs/git-clone#_git_urls
func checkGit(v value) (string, *fault) {
	text := v.text
	wrong := &fault{
		code: finding.RecipeGit, message: fmt.Sprintf("%q is not a repository URL", text),
		right: "write it as the pipeline does: git@github.com:acme/app.git or https://github.com/acme/app.git",
	}

	found := scheme.FindStringSubmatch(text)
	slash := slashForm.FindStringSubmatch(text)
	switch {
	case strings.HasPrefix(text, "-") || strings.ContainsAny(text, " \t"):
	case found != nil:
		return checkGitURL(v, found[1])
	case slash != nil && !strings.Contains(slash[1], ":"):
		wrong.right = fmt.Sprintf("put a colon after the host: write %s:%s", slash[1], slash[2])
	case filepath.IsAbs(text):
		return text, nil
	case hostForm.MatchString(text):
		wrong.right = "write https://" + text
	case scpURL.MatchString(text):
		return text, nil
	}

	return "", wrong
}

func checkGitURL(v value, kind string) (string, *fault) {
	known := []string{"ssh", "https", "http", "git", "file"}
	wrong := &fault{code: finding.RecipeGit}

	parsed, err := url.Parse(v.text)
	switch {
	case !slices.Contains(known, kind):
		wrong.message = fmt.Sprintf("git has no transport %q", kind)
		wrong.right = "write one of ssh://, https:// or git@host:path"
		wrong.length = len(kind)
		if near := finding.Nearest(kind, known); near != "" {
			wrong.right = fmt.Sprintf("did you mean %s://?", near)
		}

	case err != nil && kind == "ssh":
		wrong.message = "what follows the host of an ssh:// URL is a port or a path"
		wrong.right = "write ssh://git@host/path, or git@host:path without ssh://"
	case err != nil || parsed.Path == "" || (parsed.Host == "" && kind != "file"):
		wrong.message = "the URL has no host and path"
		wrong.right = "write " + kind + "://host/acme/app.git"

	case hasPassword(parsed):
		wrong.message = "the URL holds a password, and the mirror would keep it on the disk"
		wrong.right = "put the credentials among the secrets (git-credentials)"
	default:
		return v.text, nil
	}

	return "", wrong
}

func hasPassword(u *url.URL) bool {
	_, given := u.User.Password()
	return given
}

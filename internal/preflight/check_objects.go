package preflight

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"image-builder/internal/component"
	"image-builder/internal/finding"
	"image-builder/internal/s3uri"
	"image-builder/templates"
)

// script looks for a bootstrap script in a bucket. A local script is uploaded, so it needs no check.
func (c *Checks) script(ctx context.Context, q asked) answer {
	url, known := q.after(q.wanted)("BootstrapScriptUrl")
	if !known || url == "" {
		return answer{}
	}
	bucket, key, _ := s3uri.Split(url)
	arn, err := c.Objects.Encryption(ctx, bucket, key, "")

	missing := Result{"bootstrap script", Failed, fmt.Sprintf("there is no %s", url), "correct bootstrap, or put the script there; one of this machine is uploaded: bootstrap: ./bootstrap.sh"}
	if err != nil {
		return answer{results: []Result{unmade("bootstrap script", err, missing)}}
	}

	return answer{results: append([]Result{{Name: "bootstrap script", Status: OK, Text: url}}, q.key(url, arn)...)}
}

// documents reads the documents that are in buckets. The version of a document that is passed on unchanged comes from
// its content, so that the stack notices when it changes.
func (c *Checks) documents(ctx context.Context, q asked) answer {
	const check = "component documents"
	docs := slices.Clone(q.wanted.documents)
	if len(docs) == 0 {
		return answer{}
	}
	alone := len(docs) == 1 && docs[0].asItIs()
	for i := range docs {
		if docs[i].url == "" {
			continue
		}
		text, err := c.read(ctx, docs[i].url)
		if err != nil {
			r := unmade(check, err, Result{Status: Failed, Text: "there is no " + docs[i].url, Hint: "correct components"})
			if r.Status == Unchecked && !alone {
				r.Status = Failed
				r.Hint = "several documents, or one with parameters, are read here first: use credentials that may, or name files of this machine"
			}
			return answer{results: []Result{r}}
		}

		docs[i].text = text
		if wrong := docs[i].unusable(c.Modules); wrong != nil {
			return answer{results: []Result{*wrong}}
		}
	}

	if alone {
		results := []Result{{Name: check, Status: OK, Text: docs[0].url}}
		bucket, key, _ := s3uri.Split(docs[0].url)
		if arn, err := c.Objects.Encryption(ctx, bucket, key, ""); err == nil { // it was read above
			results = append(results, q.key(docs[0].url, arn)...)
		}
		return answer{results: results, learnt: map[string]string{"ComponentDocumentVersion": templates.Version(sha256.Sum256(docs[0].text))}}
	}

	var names []string
	for _, d := range docs {
		names = append(names, d.name)
	}

	return answer{results: []Result{{Name: check, Status: OK, Text: strings.Join(names, ", ")}}, documents: docs}
}

// read reads an object, up to one byte more than the largest document.
func (c *Checks) read(ctx context.Context, url string) ([]byte, error) {
	bucket, key, _ := s3uri.Split(url)
	body, err := c.Objects.Get(ctx, bucket, key, "")
	if err != nil {
		return nil, err
	}
	defer body.Close()

	text, err := io.ReadAll(io.LimitReader(body, largestDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", url, err)
	}

	return text, nil
}

// unusable says why a document cannot run with its parameters; nil if it can.
func (d document) unusable(modules component.Modules) *Result {
	const check, next = "component documents", "image-builder lint shows all that is wrong with it"
	if found := d.check(); len(found) > 0 {
		return &Result{check, Failed, found[0].Message, found[0].Right}
	}
	parsed, _ := component.Parse(d.url, d.text)
	for _, f := range component.Check(parsed, modules, component.Options{Platform: component.Linux}) {
		if f.Severity == finding.Error {
			return &Result{check, Failed, f.Error(), next}
		}
	}

	given := map[string]bool{}
	for _, p := range d.parameters {
		given[p.Name] = true
	}

	for _, v := range parsed.Parameters {
		if !v.Given && !given[v.Name.Value] {
			return &Result{check, Failed, fmt.Sprintf("%s needs a value for its parameter %s", d.url, v.Name.Value), fmt.Sprintf("write {path: %s, parameters: {%s: value}}", d.url, v.Name.Value)}
		}
		delete(given, v.Name.Value)
	}

	for _, p := range d.parameters {
		if given[p.Name] {
			return &Result{check, Failed, fmt.Sprintf("%s has no parameter %s", d.url, p.Name), "leave it out"}
		}
	}

	return nil
}

// secrets looks whether there is anything to copy at the secrets' source.
func (c *Checks) secrets(ctx context.Context, q asked) answer {
	const check = "secrets"
	bucket := q.value("SecretsBucket")
	prefix := q.value("SecretsPrefix")
	if bucket == "" {
		return answer{}
	}

	place := s3uri.Join(bucket, prefix)
	if prefix != "" {
		prefix += "/"
	}

	keys, err := c.Objects.List(ctx, bucket, prefix, "", 2)
	if err != nil {
		return answer{results: []Result{unmade(check, err, Result{Status: Failed, Text: "there is no bucket " + bucket, Hint: "correct secrets, or make the bucket"})}}
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return strings.HasSuffix(key, "/") })
	if len(keys) == 0 {
		return answer{results: []Result{{check, Warning, place + " is empty", "put the secrets there: aws s3 cp --recursive ./secrets " + place}}}
	}

	results := []Result{{Name: check, Status: OK, Text: place}}
	if arn, err := c.Objects.Encryption(ctx, bucket, keys[0], ""); err == nil { // one stands for all
		results = append(results, q.key(s3uri.Join(bucket, keys[0]), arn)...)
	}

	return answer{results: results}
}

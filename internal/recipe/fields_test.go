package recipe

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/finding"
	"image-builder/internal/image"
)

// The documentation's table and its example have a line for each row of fields.
func TestDocumentationHasEveryField(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/02-recipes.md")
	if err != nil {
		t.Fatal(err)
	}

	var want strings.Builder
	want.WriteString("| field, flag | value | if left out |\n|---|---|---|\n")

	for _, f := range fields() {
		fmt.Fprintf(&want, "| `%s`, `--%s` | %s | %s |\n", f.name, f.name, f.value, f.absent)
		if !strings.Contains(string(page), "\n"+f.name+":") {
			t.Errorf("the example of docs/02-recipes.md has no %s", f.name)
		}
	}

	_, rest, _ := strings.Cut(string(page), "## Fields\n\n")
	table, _, _ := strings.Cut(rest, "\n\n")
	if diff := cmp.Diff(want.String(), table+"\n"); diff != "" {
		t.Errorf("docs/02-recipes.md has another table than internal/recipe/fields.go: %s", diff)
	}
}

func TestRowsAreComplete(t *testing.T) {
	t.Parallel()
	for _, f := range fields() {
		if f.example == "" || f.flag == "" || f.help == "" || f.value == "" || f.absent == "" || f.check == nil || f.clear == nil || (f.set == nil) == (f.append == nil) {
			t.Errorf("the row of %s lacks something", f.name)
		}
		if f.digest == nil && f.name != "secrets" {
			t.Errorf("the digest leaves %s out", f.name)
		}
	}
}

// A flag may be repeated or hold commas; an empty one empties the field.
func TestFlags(t *testing.T) {
	t.Parallel()
	r, found := Parse("recipe.yml", []byte("base: debian:bookworm\npackages: [jq]\ntimeout: 2h\nallow-leak: [/a]\n"))
	found = append(found, r.Override(Override{"packages": nil, "timeout": nil, "allow-leak": {"/b,/c\\,d", "/e"}})...)
	if len(found) > 0 {
		t.Fatal(found)
	}
	if len(r.Packages) > 0 || r.Timeout != 0 || r.Base != "debian:bookworm" {
		t.Errorf("recipe is %+v", r)
	}

	if diff := cmp.Diff([]string{"/b", "/c,d", "/e"}, r.AllowLeak); diff != "" {
		t.Error(diff)
	}
}

func TestUnmarshalFlag(t *testing.T) {
	t.Parallel()
	flags := NewFlags()
	if len(flags.Override()) > 0 {
		t.Errorf("flags that were not given: %v", flags.Override())
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	const unit = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-a1b2-f6g7h111"

	for text, test := range map[string]struct {
		flag string // "-": none
		want *Publish
		code finding.Code
	}{
		"":                             {"-", nil, ""},
		"publish: true\n":              {"-", &Publish{}, ""},
		"publish: false\n":             {"-", nil, ""},
		"publish: eu-central-1\n":      {"-", &Publish{Regions: []string{"eu-central-1"}}, ""},
		"publish: {}\n":                {"eu-central-1,us-east-1", &Publish{Regions: []string{"eu-central-1", "us-east-1"}}, ""},
		"publish: {topic: t}\n":        {"-", &Publish{}, finding.RecipePublish},
		"publish: {share-with: [1]}\n": {"-", &Publish{}, finding.RecipePublish},
		"publish: {region: []}\n":      {"-", &Publish{}, finding.RecipeKey},
		"publish: [true]\n":            {"-", nil, finding.RecipeType},
		"publish: frankfurt\n":         {"-", nil, finding.RecipePublish},
		"publish: {regions: [eu-central-1], share-with: [\"210987654321\", \"" + unit + "\"], topic: arn:aws:sns:eu-central-1:123456789012:images}\n": {
			"us-east-1", &Publish{[]string{"us-east-1"}, []string{"210987654321", unit}, "arn:aws:sns:eu-central-1:123456789012:images"}, "",
		},
		"publish: {regions: [us-west-2]}\n":  {"true", &Publish{Regions: []string{"us-west-2"}}, ""},
		"publish: {regions: [us-west-1]}\n":  {"false", nil, ""},
		"publish: {topic: [arn:aws:sns:]}\n": {"-", &Publish{}, finding.RecipeType},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			r, found := Parse("recipe.yml", []byte("base: debian:bookworm\n"+text))

			if test.flag != "-" {
				found = append(found, r.Override(Override{"publish": {test.flag}})...)
			}

			if diff := cmp.Diff(test.want, r.Publish); diff != "" {
				t.Error(diff)
			}
			if (test.code == "") != (len(found) == 0) || (len(found) > 0 && found[0].Code != test.code) {
				t.Errorf("found %v, want %s", found, test.code)
			}
		})
	}
}

func TestBootBudget(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct {
		want *image.BootBudget
		code finding.Code
	}{
		"": {nil, ""},
		"boot-budget: {login: 45s, at: 5MiB/s}\n":           {&image.BootBudget{Login: 45 * time.Second, At: "5MiB/s"}, ""},
		"boot-budget: 1m30s at warm\n":                      {&image.BootBudget{Login: 90 * time.Second, At: "warm"}, ""},
		"boot-budget: {job: 60s}\n":                         {&image.BootBudget{Job: time.Minute}, ""},
		"boot-budget: job 60s\n":                            {&image.BootBudget{Job: time.Minute}, ""},
		"boot-budget: 45s at warm, job 60s\n":               {&image.BootBudget{Login: 45 * time.Second, At: "warm", Job: time.Minute}, ""},
		"boot-budget: {login: 45s, job: 60s, at: 5MiB/s}\n": {&image.BootBudget{Login: 45 * time.Second, At: "5MiB/s", Job: time.Minute}, ""},
		"boot-budget: {login: 45s, job: 60s}\n":             {nil, finding.RecipeBudget},
		"boot-budget: {job: 60}\n":                          {nil, finding.RecipeBudget},
		"boot-budget: {at: warm, job: 60s}\n":               {&image.BootBudget{Job: time.Minute, At: "warm"}, ""},
		"boot-budget: job 60s at 5MiB/s\n":                  {&image.BootBudget{Job: time.Minute, At: "5MiB/s"}, ""},
		"boot-budget: job 60s at tape\n":                    {nil, finding.RecipeBudget},
		"boot-budget: {login: 45s}\n":                       {nil, finding.RecipeBudget},
		"boot-budget: {login: 45, at: 5MiB/s}\n":            {nil, finding.RecipeBudget},
		"boot-budget: {login: -1s, at: 5MiB/s}\n":           {nil, finding.RecipeBudget},
		"boot-budget: {login: 45s, at: 6MiB/s}\n":           {nil, finding.RecipeBudget},
		"boot-budget: 45s\n":                                {nil, finding.RecipeBudget},
		"boot-budget: {logn: 45s, at: 5MiB/s}\n":            {nil, finding.RecipeKey},
		"boot-budget: {login: [45s], at: 5MiB/s}\n":         {nil, finding.RecipeType},
		"boot-budget: [45s]\n":                              {nil, finding.RecipeType},
	} {
		r, found := Parse("recipe.yml", []byte("base: debian:bookworm\n"+text))
		if diff := cmp.Diff(test.want, r.BootBudget); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		if (test.code == "") != (len(found) == 0) || (len(found) > 0 && found[0].Code != test.code) {
			t.Errorf("%s: found %v, want %s", text, found, test.code)
		}
	}
}

func TestBudgetOfAMachineThatCannotKeepIt(t *testing.T) {
	t.Parallel()
	for text, conflict := range map[string]bool{
		"boot-budget: job 60s at 5MiB/s\ntest: container\n":      true,
		"test: container\nboot-budget: job 60s at 5MiB/s\n":      true,
		"boot-budget: 45s at 5MiB/s, job 60s\ntest: container\n": true,
		"boot-budget: job 60s\ntest: none\n":                     true,
		"boot-budget: job 60s\ntest: container\n":                false,
		"boot-budget: job 60s at warm\ntest: container\n":        false,
		"boot-budget: 45s at 5MiB/s\ntest: container\n":          false,
		"boot-budget: job 60s at 5MiB/s\ntest: vm\n":             false,
		"boot-budget: job 60s at 5MiB/s\n":                       false,
	} {
		r, found := Parse("recipe.yml", []byte("base: debian:bookworm\n"+text))
		if len(found) > 0 {
			t.Errorf("%s: found %v", text, found)
		}
		got := r.Complete()
		if conflict != (len(got) == 1) || (conflict && (got[0].Code != finding.RecipeBudget || got[0].Line == 0)) {
			t.Errorf("%s: conflicts %v, want one: %v", text, got, conflict)
		}

		if missing := r.Override(Override{"test": {"vm"}}); len(missing)+len(r.Complete()) > 0 {
			t.Errorf("%s: tested in a virtual machine: %v, %v", text, missing, r.Complete())
		}
	}
}

func TestTests(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct {
		in   image.TestIn
		job  bool
		code finding.Code
	}{
		"":                              {"", false, ""},
		"test: vm\n":                    {image.TestVM, false, ""},
		"test: job\n":                   {"", true, ""},
		"test: container+job\n":         {image.TestContainer, true, ""},
		"test: {in: vm, job: true}\n":   {image.TestVM, true, ""},
		"test: {in: vm, job: false}\n":  {image.TestVM, false, ""},
		"test: {job: true}\n":           {"", true, ""},
		"test: none+job\n":              {"", false, finding.RecipeTest},
		"test: vmjob\n":                 {"", false, finding.RecipeTest},
		"test: +job\n":                  {"", false, finding.RecipeTest},
		"test: {in: none, job: true}\n": {"", false, finding.RecipeTest},
		"test: {job: perhaps}\n":        {"", false, finding.RecipeTest},
		"test: {on: vm}\n":              {"", false, finding.RecipeKey},
		"test: {in: [vm]}\n":            {"", false, finding.RecipeType},
	} {
		r, found := Parse("recipe.yml", []byte("base: debian:bookworm\n"+text))
		if r.Test != test.in || r.TestJob != test.job {
			t.Errorf("%s: %q, %v", text, r.Test, r.TestJob)
		}
		if (test.code == "") != (len(found) == 0) || (len(found) > 0 && found[0].Code != test.code) {
			t.Errorf("%s: found %v, want %s", text, found, test.code)
		}
	}
}

// A first job is part of what a recipe says, and a recipe without one is what it was before there were any.
func TestDigestOfTests(t *testing.T) {
	t.Parallel()
	digests := map[string]string{}
	for _, text := range []string{"vm", "vm+job"} {
		r, _ := Parse("recipe.yml", []byte("base: debian:bookworm\ntest: "+text+"\n"))
		digest, err := r.Digest()
		if other, found := digests[digest]; found || err != nil {
			t.Errorf("%s has the digest of %s, %v", text, other, err)
		}
		digests[digest] = text
	}
}

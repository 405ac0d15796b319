package bootscript_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/bootscript"
)

// Each script runs under set -u with only P set, to any text. Want lists the variables that break it; a question mark
// means that only some boots reach them.
func TestUnsetVariables(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ script, want string }{
		"use":                       {`echo $A "${B}"`, "A B"},
		"once each":                 {"echo $A\necho $A", "A"},
		"assigned":                  {"A=1\necho $A", ""},
		"used before it is set":     {"echo $A\nA=1", "A"},
		"assignment uses another":   {`A="$B/x"`, "B"},
		"before one command only":   {"A=1 true\necho $A", "A"},
		"defaults":                  {`echo ${A:-} ${B-x} ${C:+y} ${D+z} ${E:=w} $E`, ""},
		"default uses another":      {`echo ${A:-$B}`, "B"},
		"alternate is not reached":  {`echo ${A:+$B}`, ""},
		"must be set":               {`echo ${A:?is needed}`, "A"},
		"length, slice, pattern":    {`echo ${#A} ${B:1} ${C%x} ${D/a/b}`, "A B C D"},
		"elements of an array":      {`echo "${A[@]}" "${B[*]-}" "${C[0]}"`, "C"},
		"read":                      {"read -r A B <<<x\necho $A $B $REPLY", ""},
		"mapfile, printf, for":      {"mapfile -t A < f\nprintf -v B x\nfor C in a b; do :; done\necho $A $B $C", ""},
		"arithmetic":                {`echo $((A + 1)); (( B > 2 )); ((C = 1)); echo $C`, "A B"},
		"unquoted here document":    {"cat <<EOF\n$A\nEOF", "A"},
		"quoted here document":      {"cat <<'EOF'\n$A\nEOF", ""},
		"single quotes":             {`echo '$A' \$B`, ""},
		"command substitution":      {`X=$(echo $A); echo $X`, "A"},
		"subshell assigns nothing":  {"(A=1)\necho $A", "A"},
		"pipeline assigns nothing":  {"echo x | read A\necho $A", "A"},
		"known condition":           {`if [[ "${A:-false}" == true ]]; then echo $B; fi`, ""},
		"known condition, else":     {`if [[ -n ${A:-} ]]; then echo $B; else echo $C; fi`, "C"},
		"old test":                  {`if [ "${A:-no}" = yes ]; then echo $B; fi; [ -z "${A:-}" ] && echo $C`, "C"},
		"unknown condition":         {`if [[ $P == true ]]; then echo $A; fi`, "A?"},
		"set in one branch":         {`if [[ $P == true ]]; then A=1; fi; echo $A`, ""},
		"set in both branches":      {`if [[ $P == true ]]; then A=1; else A=2; fi; [[ -v A ]] && echo $B`, "B"},
		"branch that ends":          {`if [[ $P == true ]]; then exit 0; else A=1; fi; echo $A`, ""},
		"is it set":                 {`[[ -v A ]] && echo $A; [[ -v A ]] || echo $B`, "B"},
		"and in a test":             {`[[ -n "${A:-}" && $A == x ]] || echo $B`, "B"},
		"or in a test":              {`[[ $P == x || $A == y ]]`, "A?"},
		"case, known":               {`case "${A:-stable}" in edge) echo $B ;; stable) echo $C ;; esac`, "C"},
		"case, unknown":             {`case $P in edge) echo $B ;; *) echo $C ;; esac`, "B? C?"},
		"loop":                      {`while [[ $P == x ]]; do echo $A; done; while true; do echo $B; break; done`, "A? B"},
		"function that is called":   {"f() { echo $A; }\nf", "A"},
		"function that is not":      {"f() { echo $A; }", ""},
		"function that assigns":     {"f() { A=1; }\nf\necho $A", ""},
		"local":                     {"f() { local A=1; echo $A; }\nf\necho $A", "A"},
		"return":                    {"f() { return 0; echo $A; }\nf\necho $B", "B"},
		"exit":                      {"exit 0\necho $A", ""},
		"trap":                      {`trap 'echo $A' ERR`, ""},
		"declared without a value":  {"export A\necho $A", "A"},
		"declared with one":         {"declare -r A=1\nexport B=2\necho $A $B", ""},
		"unset":                     {"A=1\nunset A\necho $A", "A"},
		"of the shell":              {`echo $PATH $HOME $LINENO ${BASH_SOURCE[0]} $1 $@ $? $$ $RANDOM`, ""},
		"switched off":              {"set +u\necho $A\nset -o nounset\necho $B", "B"},
		"eval":                      {"eval \"$P\"\necho $A", ""},
		"sourced":                   {". /etc/settings\necho $A $B", "B"},
		"sourced, not there":        {". /etc/none\necho $A", ""},
		"called":                    {"export A=1\nB=2\nC=3 /usr/local/bin/child", "B D"},
		"in the background":         {"A=1 &\necho $A", "A"},
		"names that are computed":   {"declare -g \"$P=1\"\necho $A", ""},
		"recursion ends":            {"f() { f; }\nf\necho $A", ""},
		"placeholder is some text":  {`[[ -z "$P" ]] && echo $A`, "A?"},
		"indirect":                  {`echo ${!A}`, "A"},
		"process substitution":      {`diff <(echo $A) /dev/null`, "A"},
		"assignment in a condition": {`if A=$(false); then :; fi; echo $A`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			boot := bootscript.Boot{Files: fstest.MapFS{
				"etc/settings":        {Data: []byte("A=1\n")},
				"usr/local/bin/child": {Data: []byte("#!/usr/bin/env bash\nset -euo pipefail\necho $A $C $B $D\n")},
			}}

			problems, err := boot.Run("test", "#!/bin/bash -u\nP="+bootscript.Placeholder+"\n"+test.script+"\n")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, text(problems)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// text lists the variables of problems.
func text(problems []bootscript.Problem) string {
	var names []string
	for _, p := range problems {
		name := p.Variable + p.Callee
		if !p.Certain {
			name += "?"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func TestWithoutNounsetNothingBreaks(t *testing.T) {
	t.Parallel()
	problems, err := bootscript.Boot{}.Run("test", "#!/bin/bash\necho $A\n")
	if err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v", problems, err)
	}
}

func TestScriptsThatCannotRun(t *testing.T) {
	t.Parallel()
	boot := bootscript.Boot{Files: fstest.MapFS{
		"usr/local/bin/broken": {Data: []byte("#!/bin/bash\nif true; then\n")},
		"usr/bin/program":      {Data: []byte("\x7fELF")},
	}}

	problems, err := boot.Run("user data", "#!/bin/bash\n/usr/bin/program\n/usr/local/bin/broken\n/usr/local/bin/missing\n")
	if err != nil {
		t.Fatal(err)
	}

	want := []bootscript.Problem{
		{Kind: bootscript.Unreadable, Script: "user data", Line: 3, Callee: "/usr/local/bin/broken", Certain: true},
		{Kind: bootscript.Missing, Script: "user data", Line: 4, Callee: "/usr/local/bin/missing", Certain: true},
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Error(diff)
	}
}

func TestScriptThatBashCannotParse(t *testing.T) {
	t.Parallel()
	if _, err := (bootscript.Boot{}).Run("test", "if"); err == nil {
		t.Error("no error")
	}
}

func ExampleBoot_Run() {
	image := fstest.MapFS{"usr/local/bin/install.sh": {Data: []byte("#!/bin/bash\nset -eu\necho \"queue: $QUEUE\"\necho \"tags: $TAGS\"\n")}}

	problems, err := bootscript.Boot{Files: image}.Run("user data", "#!/bin/bash\nQUEUE=default /usr/local/bin/install.sh\n")
	if err != nil {
		panic(err)
	}
	for _, p := range problems {
		fmt.Printf("%s, line %d: %s %s\n", p.Script, p.Line, p.Kind, p.Variable)
	}
	// Output: /usr/local/bin/install.sh, line 4: unset variable TAGS
}

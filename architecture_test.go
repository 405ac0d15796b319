package imagebuilder_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
)

const module = "image-builder/"

// ranks orders the packages: a package imports lower ranks only. The longest prefix counts.
var ranks = map[string]int{
	"templates":                    0, // documents, embedded: data
	"internal/fault":               0, // words that every rank speaks
	"internal/finding":             0,
	"internal/progress":            0,
	"internal/image":               0,
	"internal/s3uri":               0,
	"internal/filelock":            0,
	"internal/mountns":             0,
	"internal/quickstart":          0,
	"internal/patience":            1, // waits, told of by progress
	"internal/terminal":            1, // progress, shown
	"internal/component":           1, // nouns
	"internal/disk":                1,
	"internal/sandbox":             1,
	"internal/secret":              1,
	"internal/schedule":            1,
	"internal/stack":               1,
	"internal/bootscript":          1,
	"internal/blockserver":         1,
	"internal/recipe":              2, // built on nouns
	"internal/announce":            2, // AMIs, once they are there
	"internal/snapshot":            2, // AMIs and disks
	"internal/bootmap":             2,
	"internal/component/action":    2,
	"internal/component/inside":    2,
	"internal/component/logfolder": 2,
	"internal/sandbox/guest":       2,
	"internal/sandbox/nspawn":      2,
	"internal/sandbox/qemu":        2,
	"internal/base":                3, // stages
	"internal/bake":                3,
	"internal/boot":                3,
	"internal/prefetch":            3,
	"internal/prove":               3,
	"internal/firstjob":            3,
	"internal/agentapi":            1,
	"internal/instance":            1,
	"internal/agentcheck":          3,
	"internal/lint":                3,
	"internal/deploy":              3,
	"internal/preflight":           3,
	"internal/imagepipeline":       3,
	"internal/release":             3,
	"internal/publish":             3,
	"internal/fit":                 3,
	"internal/source":              3, // what secrets and s3:// URLs mean, answered through ports
	"internal/pipeline":            4, // order, and the two answers to the ports
	"internal/aws":                 4,
	"internal/local":               4,
	"internal/registry":            4,
	"internal/cli":                 5,
	"internal/cli/called":          0, // words: which command is called
	"cmd":                          6,
	// Support for tests, the demo and the benchmarks may use anything; nothing of the product imports it.
	"internal/mountns/mountnstest":              6,
	"internal/base/basetest":                    7,
	"internal/sandbox/sandboxtest":              7,
	"internal/contract":                         7,
	"internal/secret/secrettest":                7,
	"internal/testbed/venv":                     6,
	"internal/testbed/programtest":              6,
	"internal/testbed/gitserver":                7,
	"internal/testbed/wire":                     7,
	"internal/testbed/s3":                       8, // services, which may call each other as AWS's do
	"internal/testbed/sts":                      8,
	"internal/testbed/logs":                     8,
	"internal/testbed/ebs":                      8,
	"internal/testbed/ec2":                      9,
	"internal/testbed/ssm":                      10,
	"internal/testbed/cloudformation":           10,
	"internal/testbed/cloudformation/intrinsic": 7,
	"internal/testbed/states":                   7,
	"internal/testbed/imagebuilder":             11,
	"internal/testbed":                          12, // all services of an account
	"demo/walk":                                 12,
	"demo":                                      13,
	"demo/aws":                                  13,
	"demo/account":                              13,
	"bench":                                     13,
	"attack":                                    13,
	"attack/corpus":                             12,
	"internal/testbed/sns":                      8,
	"internal/testbed/ecr":                      8,
}

// mayReach lists the imports of an equal rank that are meant, each with its reason.
var mayReach = map[string]string{
	"internal/finding -> internal/fault":                   "a finding is an error, whose class is bad input",
	"internal/mountns -> internal/fault":                   "a machine that cannot have private mounts is the class of its error",
	"internal/mountns -> internal/mountns/namespace":       "unshare and exec, which it shares with early",
	"internal/mountns/early -> internal/cli/called":        "only a bake enters early",
	"internal/mountns/early -> internal/mountns/namespace": "unshare and exec, which it shares with mountns",

	"internal/image -> internal/progress": "an image's record keeps the steps that progress told of",
	"internal/lint -> internal/recipe":    "lint checks recipes",
	"internal/prove -> internal/firstjob": "what a machine says of its first job is read there",

	"internal/sandbox/nspawn -> internal/sandbox/guest": "a machine that boots is talked to",
	"internal/sandbox/qemu -> internal/sandbox/guest":   "a machine that boots is talked to",
}

func TestPackagesImportLowerRanksOnly(t *testing.T) {
	t.Parallel()
	for pkg, imports := range productImports(t) {
		own, known := rank(pkg)
		if !known {
			t.Errorf("%s has no rank: add it to ranks, beside the packages it stands with", pkg)
		}
		for _, imported := range imports {
			theirs, _ := rank(imported)
			if _, meant := mayReach[pkg+" -> "+imported]; theirs >= own && !meant {
				t.Errorf("%s (rank %d) imports %s (rank %d): data goes forward only; let the caller pass a value or a port", pkg, own, imported, theirs)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	eachFile(t, func(dir string, file *ast.File) {
		documented[dir] = documented[dir] || len(file.Doc.Text()) > 60
	})
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment that says what it is for and what it never does", dir)
		}
	}
}

// Which answer a port gets, AWS's or this machine's, is decided in one place.
func TestOnlyTheWiringKnowsAWS(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("internal/cli/*.go")
	if err != nil {
		t.Fatal(err)
	}

	for _, name := range files {
		if strings.HasPrefix(filepath.Base(name), "wire") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if spec.Path.Value == `"image-builder/internal/aws"` {
				t.Errorf("%s imports internal/aws: take the port from newAccount in wire_aws.go", name)
			}
		}
	}
}

// An error with a hint and no class is not a fault.Fault, so the command line would not show the hint.
func TestErrorsWithAHintHaveAClass(t *testing.T) {
	t.Parallel()
	hints := map[string]bool{}
	classes := map[string]bool{}
	eachFile(t, func(dir string, file *ast.File) {
		for _, declaration := range file.Decls {
			method, isFunc := declaration.(*ast.FuncDecl)
			if !isFunc || method.Recv == nil {
				continue
			}
			receiver := dir + "." + strings.TrimPrefix(types.ExprString(method.Recv.List[0].Type), "*")
			hints[receiver] = hints[receiver] || method.Name.Name == "Hint"
			classes[receiver] = classes[receiver] || method.Name.Name == "Class"
		}
	})
	for receiver, has := range hints {
		if has && !classes[receiver] {
			t.Errorf("%s has a Hint and no Class: implement fault.Fault", receiver)
		}
	}
}

// The picture in docs/design/architecture.md is what stands.
func TestPictureNamesEveryPackage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/design/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, picture, _ := strings.Cut(string(page), "```")
	picture, _, _ = strings.Cut(picture, "```")

	named := map[string]bool{}
	for _, word := range strings.Fields(picture) {
		if strings.HasSuffix(word, "/") {
			named[path.Base(word)] = true
		}
	}

	for pkg := range productImports(t) {
		if strings.HasPrefix(pkg, "internal/") && !named[path.Base(pkg)] {
			t.Errorf("docs/design/architecture.md does not name %s: add it beside the packages of its rank", pkg)
		}
	}
}

func TestNoPackageIsADrawer(t *testing.T) {
	t.Parallel()
	for pkg := range productImports(t) {
		name := path.Base(pkg)
		switch name {
		case "util", "utils", "common", "helper", "helpers", "manager", "types", "misc":
			t.Errorf("%s: name the package after the noun or verb it serves", pkg)
		}
	}
}

// The demo has the program compiled while it builds its base, so what it imports itself must compile in seconds.
func TestDemoImportsNothingSlowToCompile(t *testing.T) {
	t.Parallel()
	slow := map[string]string{
		"internal/aws": "the AWS SDK", "internal/local": "SQLite", "internal/terminal": "the display's library", "internal/testbed": "the test server",
	}
	imports := productImports(t)
	seen := map[string]bool{}

	var visit func(pkg, chain string)
	visit = func(pkg, chain string) {
		if what, isSlow := slow[pkg]; isSlow {
			t.Errorf("%s: that compiles %s before the base is begun", chain, what)
		}
		for _, imported := range imports[pkg] {
			if !seen[imported] {
				seen[imported] = true
				visit(imported, chain+" -> "+imported)
			}
		}
	}
	visit("demo", "demo")
	if !seen["internal/base"] {
		t.Error("the demo no longer imports internal/base: does it still build the base while the program is compiled?")
	}
}

func rank(pkg string) (int, bool) {
	for p := pkg; p != "." && p != "/"; p = path.Dir(p) {
		if r, ok := ranks[p]; ok {
			return r, true
		}
	}
	return 0, pkg == "."
}

// productImports maps each package to the packages of ours that its non-test files import.
func productImports(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	eachFile(t, func(dir string, file *ast.File) {
		imports[dir] = append(imports[dir], nil...)
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err == nil && strings.HasPrefix(name, module) {
				imports[dir] = append(imports[dir], strings.TrimPrefix(name, module))
			}
		}
	})

	for _, list := range imports {
		sort.Strings(list)
	}

	return imports
}

func eachFile(t *testing.T, visit func(dir string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "build" || (name != "." && strings.HasPrefix(entry.Name(), "."))):
			return filepath.SkipDir
		case entry.IsDir(), !strings.HasSuffix(name, ".go"), strings.HasSuffix(name, "_test.go"):
			return nil
		}

		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(filepath.Dir(name)), file)

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

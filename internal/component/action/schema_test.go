package action_test

import (
	"fmt"
	"strings"
	"testing"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
)

// TestSchemas checks one step for each case. The expected finding is written as it is printed, or a part of it; an
// empty one means that the step is right.
func TestSchemas(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, step, found string }{
		{"bash", `{action: ExecuteBash, inputs: {commands: [a, "b: c"]}}`, ""},
		{"bash without commands", `{action: ExecuteBash, inputs: {}}`, "ExecuteBash has no commands"},
		{"bash with a map as command", `{action: ExecuteBash, inputs: {commands: [a, b: c]}}`, "an entry of commands"},
		{"bash without inputs", `{action: ExecuteBash}`, "has no inputs"},
		{"binary", `{action: ExecuteBinary, inputs: {path: inspec, arguments: [exec, 0755]}}`, ""},
		{"binary as an example has it wrong", `{action: ExecuteBinary, inputs: {path: a, args: [b]}}`, `"args"`},
		{"powershell", `{action: ExecutePowerShell, inputs: {file: 'C:\a.ps1'}}`, ""},
		{"powershell with both", `{action: ExecutePowerShell, inputs: {file: a, commands: [b]}}`, "either commands or file"},
		{"powershell with neither", `{action: ExecutePowerShell, inputs: {}}`, "either commands or file"},
		{"document", `{action: ExecuteDocument, inputs: {document: a.yml, document-s3-bucket-owner: "123456789012", phases: "a,b", parameters: [{name: a, value: b}]}}`, ""},
		{"document with a timeout", `{action: ExecuteDocument, timeoutSeconds: 60, inputs: {document: a.yml}}`, "timeout of ExecuteDocument"},
		{"assert", `{action: Assert, inputs: {fileExists: /a}}`, ""},
		{"assert nothing", `{action: Assert, inputs: {}}`, "no operator"},
		{"download", `{action: S3Download, inputs: [{source: 's3://b/k', destination: /tmp/k, expectedBucketOwner: "123456789012", overwrite: "false"}]}`, ""},
		{"download of a prefix", `{action: S3Download, inputs: [{source: 's3://b/*', destination: '/tmp/secrets/'}]}`, ""},
		{"download by reference", `{action: S3Download, inputs: [{source: '{{ Url }}', destination: '{{ Url }}'}]}`, ""},
		{"download of nothing", `{action: S3Download, inputs: []}`, "are empty"},
		{"download from the web", `{action: S3Download, inputs: [{source: 'https://b/k', destination: /tmp/k}]}`, "names no S3 object"},
		{"download of a bucket", `{action: S3Download, inputs: [{source: 's3://b', destination: /tmp/k}]}`, "names no S3 object"},
		{"download for a bad owner", `{action: S3Download, inputs: [{source: 's3://b/k', destination: k, expectedBucketOwner: 1234}]}`, "is not an account ID"},
		{"download as a map", `{action: S3Download, inputs: {source: 's3://b/k', destination: k}}`, "warning: S3Download takes a list"},
		{"upload", `{action: S3Upload, inputs: [{source: '/a/*', destination: 's3://b/k/', recurse: true}]}`, ""},
		{"upload of a folder pattern", `{action: S3Upload, inputs: [{source: '/a/*/b', destination: 's3://b/k/'}]}`, "before the last separator"},
		{"web", `{action: WebDownload, inputs: [{source: 'HTTPS://a/b?c=d', destination: /tmp/, checksum: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, algorithm: sha256, ignoreCertificateErrors: true}]}`, ""},
		{"web with half a checksum", `{action: WebDownload, inputs: [{source: 'https://a/b', destination: a, checksum: abc}]}`, "warning: there is a checksum but no algorithm"},
		{"web with the other half", `{action: WebDownload, inputs: [{source: 'https://a/b', destination: a, algorithm: MD5}]}`, "warning: there is an algorithm but no checksum"},
		{"web with a short checksum", `{action: WebDownload, inputs: [{source: 'https://a/b', destination: a, checksum: abc, algorithm: MD5}]}`, "warning: a MD5 checksum has 32 hex digits"},
		{"download by reference from the web", `{action: S3Download, inputs: [{source: 'https://{{ Url }}/k', destination: k}]}`, "not with s3://"},
		{"download of one object into a folder", `{action: S3Download, inputs: [{source: 's3://b/k', destination: /tmp/}]}`, "warning: the source is one object"},
		{"download of a pattern", `{action: S3Download, inputs: [{source: 's3://b/k*', destination: /tmp/}]}`, "is not documented"},
		{"web by ftp", `{action: WebDownload, inputs: [{source: 'ftp://a/b', destination: /tmp/}]}`, "is not a web address"},
		{"web with another algorithm", `{action: WebDownload, inputs: [{source: 'https://a/b', destination: a, algorithm: CRC32}]}`, "algorithm is"},
		{"web to nowhere", `{action: WebDownload, inputs: [{source: 'https://a/b'}]}`, "has no destination"},
		{"append", `{action: AppendFile, inputs: [{path: /a, content: b, encoding: UTF-16-le}]}`, ""},
		{"append in latin1", `{action: AppendFile, inputs: [{path: /a, encoding: latin1}]}`, "encoding is"},
		{"create file", `{action: CreateFile, inputs: [{path: /a, content: "", owner: root, group: 0, permissions: 0755, overwrite: no}]}`, ""},
		{"create file with symbolic permissions", `{action: CreateFile, inputs: [{path: /a, permissions: u+x}]}`, "is not a file mode"},
		{"create file with decimal permissions", `{action: CreateFile, inputs: [{path: /a, permissions: 0785}]}`, "is not a file mode"},
		{"create file at no path", `{action: CreateFile, inputs: [{path: ""}]}`, "is empty"},
		{"create folder", `{action: CreateFolder, inputs: [{path: /a, permissions: "1777"}, {path: 'C:\b'}]}`, ""},
		{"link", `{action: CreateSymlink, inputs: [{path: /a, target: /b, force: true}]}`, ""},
		{"copy", `{action: CopyFile, inputs: [{source: '/a/*.txt', destination: /b/}]}`, ""},
		{"copy a pattern to a file", `{action: CopyFile, inputs: [{source: '/a/*.txt', destination: /b}]}`, "warning: a source with"},
		{"copy a pattern by reference", `{action: CopyFile, inputs: [{source: '/a/*.txt', destination: '{{ Url }}'}]}`, ""},
		{"copy folders by pattern", `{action: CopyFolder, inputs: [{source: 'C:\a\*', destination: 'C:\b\'}]}`, ""},
		{"copy by a pattern of folders", `{action: CopyFolder, inputs: [{source: '/a/*/b', destination: /b/}]}`, "before the last separator"},
		{"move", `{action: MoveFile, inputs: [{source: /a, destination: /b, overwrite: True}]}`, ""},
		{"move to nowhere", `{action: MoveFolder, inputs: [{source: /a}]}`, "has no destination"},
		{"delete", `{action: DeleteFile, inputs: [{path: '/a/*'}]}`, ""},
		{"delete by force", `{action: DeleteFile, inputs: [{path: /a, force: true}]}`, `"force"`},
		{"delete folder", `{action: DeleteFolder, inputs: [{path: /a, force: true}]}`, ""},
		{"list", `{action: ListFiles, inputs: [{path: /a, fileNamePattern: '*.log', recursive: true}]}`, ""},
		{"list with a misspelling", `{action: ListFiles, inputs: [{path: /a, fileNamepattern: '*.log'}]}`, "fileNamePattern"},
		{"read", `{action: ReadFile, inputs: [{path: /a, printFileContent: "true"}]}`, ""},
		{"encode", `{action: SetFileEncoding, inputs: [{path: /a, encoding: utf32-BE}]}`, ""},
		{"file owner", `{action: SetFileOwner, inputs: [{path: /a, owner: b, group: c}]}`, ""},
		{"file owner missing", `{action: SetFileOwner, inputs: [{path: /a}]}`, "has no owner"},
		{"folder owner", `{action: SetFolderOwner, inputs: [{path: /a, owner: b, recursive: false}]}`, ""},
		{"file permissions", `{action: SetFilePermissions, inputs: [{path: /a, permissions: 766}]}`, ""},
		{"folder permissions", `{action: SetFolderPermissions, inputs: [{path: /a, permissions: 0777, recursive: true}]}`, ""},
		{"recursive is not a boolean", `{action: SetFolderPermissions, inputs: [{path: /a, permissions: 0777, recursive: maybe}]}`, "write true or false"},
		{"reboot", `{action: Reboot}`, ""},
		{"reboot with an empty map", `{action: Reboot, inputs: {}}`, ""},
		{"reboot later", `{action: Reboot, inputs: {delaySeconds: 60}}`, ""},
		{"reboot earlier", `{action: Reboot, inputs: {delaySeconds: -1}}`, "-1 is negative"},
		{"update", `{action: UpdateOS}`, ""},
		{"update some", `{action: UpdateOS, inputs: {include: [a], exclude: [b]}}`, ""},
		{"update one", `{action: UpdateOS, inputs: {include: a}}`, "include"},
		{"install", `{action: InstallMSI, inputs: {path: 's3://b/a.msi', reboot: force, logOptions: '*v', logFile: 'C:\l', properties: {A: b}, allowUnsignedInstaller: true}}`, ""},
		{"install with a property of its own", `{action: InstallMSI, inputs: {path: a, properties: {Reboot: ReallySuppress}}}`, "may not be set"},
		{"install with a strange log", `{action: InstallMSI, inputs: {path: a, logOptions: Q}}`, "not logging options of msiexec"},
		{"install and perhaps reboot", `{action: UninstallMSI, inputs: {path: a, reboot: Maybe}}`, "reboot is"},
		{"registry", `{action: SetRegistry, inputs: [{path: 'HKLM:\SOFTWARE\A', name: a, value: 1, type: DWORD}, {path: 'HKEY_CURRENT_USER\A', name: b, value: [x, y], type: MULTI_SZ}]}`, ""},
		{"registry outside a hive", `{action: SetRegistry, inputs: [{path: 'SOFTWARE\A', name: a, value: 1, type: DWORD}]}`, "is in no hive"},
		{"registry of another type", `{action: SetRegistry, inputs: [{path: 'HKLM:\A', name: a, value: 1, type: REG_DWORD}]}`, "type is"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			text := "schemaVersion: 1.0\nparameters: [{Url: {type: string}}]\nphases:\n  - name: build\n    steps:\n      - " +
				strings.Replace(test.step, "{", "{name: S, ", 1) + "\n"
			document, found := component.Parse("doc.yml", []byte(text))
			found = append(found, component.Check(document, action.All(action.Ports{}), component.Options{})...)

			var told []string
			for _, f := range found {
				told = append(told, fmt.Sprintf("%s: %s: %s", f.Severity, f.Message, f.Right))
			}

			all := strings.Join(told, "\n")
			if (all == "") != (test.found == "") || !strings.Contains(all, test.found) || len(told) > 1 {
				t.Errorf("found:\n%s\nwant: %s", all, test.found)
			}
		})
	}
}

// TestModules compares the modules with the service's list of them.
func TestModules(t *testing.T) {
	t.Parallel()
	all := action.All(action.Ports{})
	platforms := map[string]string{
		"Linux Windows macOS": "Assert ExecuteBinary ExecuteDocument S3Download S3Upload WebDownload AppendFile CopyFile CopyFolder CreateFile CreateFolder DeleteFile DeleteFolder ListFiles MoveFile MoveFolder ReadFile SetFileEncoding",
		"Linux macOS":         "ExecuteBash CreateSymlink SetFileOwner SetFolderOwner SetFilePermissions SetFolderPermissions",
		"Windows":             "ExecutePowerShell InstallMSI UninstallMSI SetRegistry",
		"Linux Windows":       "Reboot UpdateOS",
	}

	known := 0
	for want, names := range platforms {
		for name := range strings.FieldsSeq(names) {
			known++
			if all[name] == nil {
				t.Errorf("there is no %s", name)
			} else if got := strings.Trim(fmt.Sprint(all[name].Schema().Platforms), "[]"); got != want {
				t.Errorf("%s runs on %s, want %s", name, got, want)
			}
		}
	}

	if known != len(all) {
		t.Errorf("there are %d modules, want %d", len(all), known)
	}
}

// TestWindowsModulesSayWhereTheyRun runs them on this platform.
func TestWindowsModulesSayWhereTheyRun(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ExecutePowerShell", "InstallMSI", "UninstallMSI", "SetRegistry"} {
		call := &component.Call{Inputs: []component.Inputs{{}}, Log: func(string, ...any) {}}
		if _, err := action.All(action.Ports{})[name].Run(t.Context(), call); err == nil || !strings.Contains(err.Error(), "it runs on Windows") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

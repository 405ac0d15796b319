package recipe

import (
	"slices"
	"time"
)

// fields are the rows of all fields, in the order of the documentation.
func fields() []field {
	return slices.Concat(ingredients(), baked(), runs(), finished())
}

// ingredients say what a bake starts from.
func ingredients() []field {
	return []field{
		text(field{
			name: "name", example: "agent-linux", check: checkName,
			flag: "NAME", help: "Name of the image.",
			value: "3 to 128 of `A-Z a-z 0-9 - _`, blanks inside", absent: "the file's name",
		}, func(r *Recipe) *string { return &r.Name }),
		text(field{
			name: "base", example: "debian:bookworm", check: checkBase, identifies: true, digest: digestBase,
			flag: "BASE", help: "Base disk: debian:SUITE, ubuntu:SUITE, a path, https://…#sha256=…, ssm:/name, ami-… or a stored base.",
			value:  "`debian:SUITE` or `ubuntu:SUITE`, a path to a `.raw` or `.qcow2` file, `https://…#sha256=…`, `ssm:/name`, `ami-…`, or the name of a stored base",
			absent: "must be given somewhere",
		}, func(r *Recipe) *string { return &r.Base }),
		text(field{
			name: "bootstrap", example: "./bootstrap.sh", check: checkScript, identifies: true, digest: digestScript,
			flag: "SCRIPT", help: "Script to run as root: a path or s3://bucket/key.",
			value: "a script: path or `s3://bucket/key`", absent: "none is run",
		}, func(r *Recipe) *string { return &r.Bootstrap }),
		{
			name: "secrets", example: "./secrets", check: checkSecrets, identifies: true,
			flag: "FROM", help: "Secrets for the bake: a path, s3://bucket/prefix, secretsmanager:NAME or ssm:/path.",
			value: "a directory or file, `s3://bucket[/prefix]`, `secretsmanager:NAME`, `ssm:/path`", absent: "no secrets",
			set:   func(r *Recipe, s string) { r.Secrets = s },
			clear: func(r *Recipe) { r.Secrets = "" },
		},
	}
}

// baked say what goes into the image beside what the bootstrap does.
func baked() []field {
	return []field{
		texts(field{
			name: "git-mirrors", example: "git@github.com:acme/monorepo.git", check: checkGit, identifies: true,
			flag: "URL", help: "Repositories to mirror, comma-separated or repeated.",
			value: "URLs as the pipelines have them", absent: "none",
		}, func(r *Recipe) *[]string { return &r.GitMirrors }),
		texts(field{
			name: "docker-images", example: "public.ecr.aws/docker/library/node:22", check: checkDocker, identifies: true,
			flag: "IMAGE", help: "Docker images to pull, comma-separated or repeated.",
			value: "image references", absent: "none",
		}, func(r *Recipe) *[]string { return &r.DockerImages }),
		texts(field{
			name: "packages", example: "jq", check: checkPackage, identifies: true,
			flag: "PACKAGE", help: "System packages, gem:NAME and npm:NAME, comma-separated or repeated.",
			value: "system packages, `gem:NAME`, `npm:NAME`", absent: "none",
		}, func(r *Recipe) *[]string { return &r.Packages }),
		{
			name: "components", example: "./components/browsers.yml", check: checkDocument, identifies: true, digest: digestDocuments,
			flag: "DOCUMENT", help: "Component documents to run, comma-separated or repeated.",
			value: "component documents: path, `s3://bucket/key`, or `{path: …, parameters: {Name: value}}`", absent: "none",
			append: func(r *Recipe, s string) { r.Components = append(r.Components, Component{Document: s}) },
			clear:  func(r *Recipe) { r.Components = nil },
		},
	}
}

// runs say where an image is announced, when a pipeline bakes it, and what its bake may use.
func runs() []field {
	return []field{
		text(field{
			name: "output", example: "/buildkite/agent-ami", check: checkOutput, identifies: true,
			flag: "PARAMETER", help: "Parameter that receives the image's ID.",
			value: "name of the parameter that receives the image's ID", absent: "no parameter is written",
		}, func(r *Recipe) *string { return &r.Output }),
		text(field{
			name: "schedule", example: "cron(0 0 * * ? *)", check: checkSchedule,
			flag: "CRON", help: "When the pipeline builds: cron(0 0 * * ? *) or rate(1 day).",
			value: "`cron(…)` or `rate(…)`, see below", absent: "–",
		}, func(r *Recipe) *string { return &r.Schedule }),
		text(field{
			name: "timezone", example: "Europe/Berlin", check: checkZone,
			flag: "ZONE", help: "Time zone of the schedule.",
			value: "IANA name", absent: "UTC",
		}, func(r *Recipe) *string { return &r.TimeZone }),
		{
			name: "disk", example: "20GiB", check: checkDisk,
			flag: "SIZE", help: "Size that the disk grows to, like 20GiB.",
			value: "size that the disk grows to: `20GiB`, `MiB`, `TiB`", absent: "the base's size",
			set:    func(r *Recipe, s string) { r.Disk, _ = parseSize(s) },
			clear:  func(r *Recipe) { r.Disk = 0 },
			digest: func(r *Recipe) (any, error) { return r.Disk, nil },
		},
		{
			name: "timeout", example: "2h", check: checkTimeout,
			flag: "DURATION", help: "Longest that the bake may take, like 2h.",
			value: "longest that the bake may take: `90m`, `2h`", absent: "no limit",
			set:    func(r *Recipe, s string) { r.Timeout, _ = time.ParseDuration(s) },
			clear:  func(r *Recipe) { r.Timeout = 0 },
			digest: func(r *Recipe) (any, error) { return r.Timeout, nil },
		},
		texts(field{
			name: "allow-leak", example: "/etc/app/license.key", check: checkLeak, identifies: true,
			flag: "PATH", help: "Paths in the image that may hold a secret, comma-separated or repeated.",
			value: "paths in the image that may hold a secret; any name of a file with several hard links", absent: "none may",
		}, func(r *Recipe) *[]string { return &r.AllowLeak }),
	}
}

// finished say what happens to an image once it is baked.
func finished() []field {
	return []field{
		{
			name: "publish", example: "true", check: checkPublish, bare: "true",
			flag: "REGION", help: "Make an AMI of the image when the bake ends: --publish, or --publish=REGION, comma-separated.",
			value:  "`true`, regions (`eu-central-1,us-east-1`), or `{regions: […], share-with: […], topic: ARN}`, see [publishing](04-publish.md)",
			absent: "the image stays here",
			set:    setPublish,
			clear:  func(*Recipe) {}, // set does it: a flag changes the regions only
			digest: func(r *Recipe) (any, error) { return r.Publish, nil },
		},
		{
			name: "test", example: "vm", check: checkTest,
			flag: "MACHINE", help: "Machine in which the finished image is tested: vm, container or none; vm+job or job: its agent runs a first job.",
			value:  "`vm`, `container` or `none`: the machine in which the finished image is booted and its test phases are run. `job`, `vm+job`, `container+job` or `{in: vm, job: true}`: the image's agent also runs a first job there, see [proof](07-proof.md)",
			absent: "`vm` where QEMU is installed and reaches the image, else `container`",
			set:    setTest,
			clear:  func(r *Recipe) { setTest(r, "") },
			digest: digestTest,
		},
		{
			name: "boot-budget", example: "45s at 5MiB/s", check: checkBudget,
			flag: "BUDGET", help: "Refuse an image that takes longer to its login prompt, or to the end of its first job: \"45s at 5MiB/s\", \"job 60s at 5MiB/s\", or \"45s at 5MiB/s, job 60s\".",
			value:  "`45s at 5MiB/s` or `{login: 45s, at: 5MiB/s}`: longest from power-on to the login prompt, with storage that is so slow on first touch (`5MiB/s`, `300MiB/s`, `warm`). `job 60s at 5MiB/s`, `{job: 60s, at: 5MiB/s}`: longest from power-on to the end of a first job in the test, which then runs one; without `at`, storage is not slow. Both: `45s at 5MiB/s, job 60s`, `{login: 45s, job: 60s, at: 5MiB/s}`, see [proof](07-proof.md)",
			absent: "no limit",
			set:    setBudget,
			clear:  func(r *Recipe) { r.BootBudget = nil },
			digest: func(r *Recipe) (any, error) { return r.BootBudget, nil },
		},
		{
			name: "prefetch", example: "true", check: checkPrefetch, bare: "true",
			flag: "true", help: "Let the image read ahead, early in its boot, what a boot of it reads: --prefetch, or --prefetch=false.",
			value:  "`true`: the finished disk is booted once in a virtual machine, and the image reads ahead what that boot read, see [proof](07-proof.md#does-it-read-ahead)",
			absent: "`false`",
			set:    func(r *Recipe, s string) { r.Prefetch = s == "true" },
			clear:  func(r *Recipe) { r.Prefetch = false },
			digest: func(r *Recipe) (any, error) { return r.Prefetch, nil },
		},
	}
}

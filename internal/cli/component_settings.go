package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
)

// runSettings are the settings of `awstoe run`, as flags and as the fields of its configuration file.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-run-config-input.html
type runSettings struct {
	Documents  []string `short:"d" help:"Documents to run, separated by commas." placeholder:"A,B" json:"-"`
	Config     string   `short:"c" help:"JSON file with documents and settings: a local path or an s3:// URL." placeholder:"FILE" json:"-"`
	Phases     []string `short:"p" help:"Phases to run, separated by commas; all if not given." placeholder:"A,B" json:"-"`
	Parameters []string `help:"Values for the parameters of documents." placeholder:"NAME=VALUE,…" json:"-"`

	ExecutionID           string `short:"i" name:"execution-id" help:"Name of this run in logs. Default: a new one." placeholder:"ID" json:"executionId"`
	LogDirectory          string `short:"l" help:"Where to make the log folder TOE_…." placeholder:"DIR" json:"logDirectory"`
	LogS3BucketName       string `short:"b" name:"log-s3-bucket-name" help:"Upload the log folder to this bucket at the end." placeholder:"BUCKET" json:"logS3BucketName"`
	LogS3KeyPrefix        string `short:"k" name:"log-s3-key-prefix" help:"Where in the bucket." placeholder:"PREFIX" json:"logS3KeyPrefix"`
	LogS3BucketOwner      string `name:"log-s3-bucket-owner" help:"Account that must own the bucket." placeholder:"ACCOUNT" json:"logS3BucketOwner"`
	DocumentS3BucketOwner string `name:"document-s3-bucket-owner" help:"Account that must own the bucket of documents." placeholder:"ACCOUNT" json:"documentS3BucketOwner"`
	StateDirectory        string `short:"s" help:"Where the state of a run that waits for a reboot is kept. Default: TOE_STATE in the log directory." placeholder:"DIR" json:"stateDirectory"`
	Trace                 bool   `short:"t" help:"Print the console log on stderr." json:"trace"`

	CWLogGroup       string `name:"cw-log-group" hidden:"" json:"cwLogGroup"`
	CWLogStream      string `name:"cw-log-stream" hidden:"" json:"cwLogStream"`
	CWLogRegion      string `name:"cw-log-region" hidden:"" json:"cwLogRegion"`
	CWIgnoreFailures bool   `name:"cw-ignore-failures" hidden:"" json:"cwIgnoreFailures"`

	BlockedActionModules []string `help:"Actions that no document may use." placeholder:"Reboot" json:"-"`

	// These settings come from both the flags and the file, and concern documents and parameters.
	jobs       []configJob
	parameters []component.Parameter
}

// configJob is a document in the configuration file.
type configJob struct {
	Path       string                `json:"path"`
	Parameters []component.Parameter `json:"parameters"`
}

// runConfig is the configuration file.
type runConfig struct {
	runSettings
	Documents  []configJob           `json:"documents"`
	Parameters []component.Parameter `json:"parameters"`
	Phases     string                `json:"phases"`
	ExecutonID string                `json:"executonId"` // one page of the guide spells it like this
}

// complete merges the flags, the document arguments and the configuration file. Flags win.
func (s *runSettings) complete(ctx context.Context, library action.Library, paths []string) error {
	paths = append(paths, s.Documents...)
	switch {
	case s.Config == "" && len(paths) == 0:
		return errors.New("name a document to run, or a configuration file with --config")
	case s.Config != "" && (len(paths) > 0 || len(s.Parameters) > 0):
		return errors.New("give documents and parameters either in the file of --config or on the command line, not both")
	}

	for _, path := range paths {
		s.jobs = append(s.jobs, configJob{Path: path})
	}

	var err error
	s.parameters, err = parseParameters(s.Parameters)
	if err != nil {
		return err
	}

	if s.Config != "" {
		if err := s.read(ctx, library); err != nil {
			return err
		}
	}

	if s.CWLogGroup+s.CWLogStream+s.CWLogRegion != "" || s.CWIgnoreFailures {
		return errors.New("logs cannot be sent to CloudWatch from here: leave the cw settings away and read console.log in the log folder, or upload that with --log-s3-bucket-name")
	}
	return s.identify()
}

// identify fills in the directories of logs and state, and the execution ID: that of the run that waits for a reboot,
// if there is one.
func (s *runSettings) identify() (err error) {
	if s.LogDirectory == "" {
		s.LogDirectory = "."
	}

	s.LogDirectory, err = filepath.Abs(s.LogDirectory)
	if err != nil {
		return err
	}

	if s.StateDirectory == "" {
		s.StateDirectory = filepath.Join(s.LogDirectory, "TOE_STATE")
	}

	pending, err := component.Pending(s.StateDirectory)
	if err != nil {
		return err
	}

	if pending != "" {
		s.ExecutionID = pending
	}

	if s.ExecutionID == "" {
		s.ExecutionID, err = newExecutionID()
	}

	if strings.ContainsAny(s.ExecutionID, "/*?[") {
		return fmt.Errorf("execution ID %q: it is part of a file name: use letters, digits and hyphens", s.ExecutionID)
	}
	return err
}

// read takes from the configuration file what the flags leave out.
func (s *runSettings) read(ctx context.Context, library action.Library) error {
	text, err := library.Document(ctx, s.Config, s.DocumentS3BucketOwner)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	var file runConfig
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("read configuration %s: %w", s.Config, err)
	}
	if len(file.Documents) == 0 {
		return fmt.Errorf("read configuration %s: it names no documents", s.Config)
	}

	s.jobs = file.Documents
	s.parameters = file.Parameters
	if len(s.Phases) == 0 {
		for phase := range strings.SplitSeq(file.Phases, ",") {
			phase = strings.TrimSpace(phase)
			if phase != "" {
				s.Phases = append(s.Phases, phase)
			}
		}
	}

	first(&s.ExecutionID, file.ExecutionID)
	first(&s.ExecutionID, file.ExecutonID)
	first(&s.LogDirectory, file.LogDirectory)
	first(&s.LogS3BucketName, file.LogS3BucketName)
	first(&s.LogS3KeyPrefix, file.LogS3KeyPrefix)
	first(&s.LogS3BucketOwner, file.LogS3BucketOwner)
	first(&s.DocumentS3BucketOwner, file.DocumentS3BucketOwner)
	first(&s.StateDirectory, file.StateDirectory)
	first(&s.CWLogGroup, file.CWLogGroup)
	first(&s.CWLogStream, file.CWLogStream)

	first(&s.CWLogRegion, file.CWLogRegion)
	s.CWIgnoreFailures = s.CWIgnoreFailures || file.CWIgnoreFailures
	s.Trace = s.Trace || file.Trace
	return nil
}

// first keeps the command line's value, or else takes the file's.
func first(setting *string, file string) {
	if *setting == "" {
		*setting = file
	}
}

// parseParameters reads name=value. An entry without "=" continues the value before it, which contained a comma.
func parseParameters(given []string) ([]component.Parameter, error) {
	var parameters []component.Parameter
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		switch {
		case ok && name != "" && value != "":
			parameters = append(parameters, component.Parameter{Name: name, Value: value})
		case !ok && len(parameters) > 0:
			parameters[len(parameters)-1].Value += "," + text
		default:
			return nil, fmt.Errorf("read parameter %q: write name=value, both not empty", text)
		}
	}

	return parameters, nil
}

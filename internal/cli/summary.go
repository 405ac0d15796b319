package cli

import (
	"fmt"
	"strings"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/terminal"
)

// Summary is the end of a bake for people: the result, its origin, what was proved, and what to do with it. For a
// failed bake whose disk was kept it says why, where the log is and how to look inside.
func Summary(img image.Image) string {
	if img.Failed != "" {
		return failedSummary(img)
	}
	lines := []string{
		fmt.Sprintf("baked %s in %s", img.ID, terminal.Took(time.Duration(img.Elapsed))),
		fmt.Sprintf("  base       %s", terminal.Harmless(img.Base)),
		fmt.Sprintf("  disk       %s", img.Disk),
		fmt.Sprintf("  size       %s, of which %s are data", terminal.Size(img.Size), terminal.Size(img.Data)),
		fmt.Sprintf("  steps      %s", tally(img.Steps)),
		fmt.Sprintf("  secrets    %s", searched(img.Searched)),
	}

	if img.Proof != nil {
		lines = append(lines, fmt.Sprintf("  tested     %s", proofLine(*img.Proof)))
	}

	if img.Prefetch != nil {
		lines = append(lines, fmt.Sprintf("  prefetch   %s", aheadLine(*img.Prefetch)))
	}

	if img.ColdBoot != nil {
		lines = append(lines, fmt.Sprintf("  cold boot  %s", coldLine(*img.ColdBoot)))
	}

	if img.Parameter != "" {
		lines = append(lines, fmt.Sprintf("  parameter  %s = %s", img.Parameter, img.ID))
	}

	for _, ami := range img.Published {
		lines = append(lines, fmt.Sprintf("  AMI        %s in %s", ami.AMI, ami.Region))
	}

	lines = append(lines, fmt.Sprintf("  next       image-builder image show %s; image-builder image boot %s", img.ID, img.ID))
	return strings.Join(lines, "\n") + "\n"
}

func failedSummary(img image.Image) string {
	lines := []string{
		fmt.Sprintf("kept %s, whose bake failed after %s", img.ID, terminal.Took(time.Duration(img.Elapsed))),
		fmt.Sprintf("  why   %s", terminal.Harmless(img.Failed)),
	}
	for _, step := range img.Steps {
		if step.Status == progress.Failed && step.Log != "" {
			lines = append(lines, fmt.Sprintf("  log   %s", step.Log))
		}
	}

	lines = append(lines, fmt.Sprintf("  next  image-builder image shell %s", img.ID))
	return strings.Join(lines, "\n") + "\n"
}

// tally counts steps by outcome: "4 done, 1 skipped".
func tally(steps []image.Step) string {
	count := make(map[progress.Status]int)
	for _, step := range steps {
		count[step.Status]++
	}

	parts := []string{fmt.Sprintf("%d done", count[progress.Success])}
	for _, status := range []progress.Status{progress.Failed, progress.IgnoredFailure, progress.Skipped} {
		if count[status] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[status], status))
		}
	}

	return strings.Join(parts, ", ")
}

// searched says what the search for secrets covered, and claims nothing else.
func searched(search *image.Search) string {
	if search == nil {
		return "the bake had none"
	}
	text := "none on the disk"

	if len(search.Allowed) > 0 {
		text = fmt.Sprintf("none but in %s, as allowed", terminal.Harmless(strings.Join(search.Allowed, ", ")))
	}

	text += fmt.Sprintf(": %s searched for %d patterns in %s", terminal.Size(search.Bytes), search.Patterns, terminal.Took(time.Duration(search.Elapsed)))
	if search.Shared > 0 {
		text += fmt.Sprintf("; %s are the base's own blocks", terminal.Size(search.Shared))
	}

	return text
}

// coldLine is a boot that kept its budget.
func coldLine(cold image.ColdBoot) string {
	return fmt.Sprintf("login after %s at %s, of which it waited %s for storage; the budget is %s", terminal.Took(time.Duration(cold.Login)),
		cold.At, terminal.Took(time.Duration(cold.Waited)), terminal.Took(time.Duration(cold.Budget)))
}

// aheadLine is what an image reads ahead.
func aheadLine(ahead image.Prefetch) string {
	until := "the login prompt"
	if ahead.Job {
		until = "the end of a first job"
	}
	return fmt.Sprintf("%s in %d runs, which a boot read up to %s (%s)", terminal.Size(ahead.Bytes), ahead.Runs, until, ahead.Accelerator)
}

// proofLine says what a test saw: "container: booted in 1.2 s; 3 done".
func proofLine(proof image.Proof) string {
	line := fmt.Sprintf("%s: booted in %s; steps: %s; %s free", proof.In, terminal.Took(time.Duration(proof.Boot)), tally(proof.Steps), terminal.Size(proof.Free))
	if proof.Job != nil {
		line += "; " + terminal.Harmless(jobLine(*proof.Job))
	}
	return line
}

// jobLine says how long a first job took, from power-on.
func jobLine(job image.Job) string {
	took := func(d image.Duration) string { return terminal.Took(time.Duration(d)) }
	line := fmt.Sprintf("first job: login after %s, agent %s registered after %s", took(job.Login), job.Agent, took(job.Registered))
	if job.Repository != "" {
		line += fmt.Sprintf(", %s checked out of its mirror after %s (%s over the network)", job.Repository, took(job.Checkout), terminal.Size(job.Crossed))
	}
	if len(job.Images) > 0 {
		line += ", a command run in " + strings.Join(job.Images, ", ")
	}
	return line + ", done after " + took(job.Done)
}

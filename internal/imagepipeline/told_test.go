package imagepipeline_test

// wellTold is what is reported of goingWell. What happens at the same moment comes in this order: what begins, the lines
// of the log, what ends.
const wellTold = `stage-started image 1.0.4/1  0s 
step-output image/build/1.0.4/1  0s Image transitioned to CREATING state for Image ARN: 123456789012:image/nightly/1.0.4/1
stage-started build-image  0s 
step-started build-image/build/LaunchBuildInstance  0s 
step-started build-image/build/ApplyBuildComponents  0s 
step-output build-image/build/ApplyBuildComponents  0s Image transitioned to BUILDING state for Image ARN: 123456789012:image/nightly/1.0.4/1
step-output build-image/build/ApplyBuildComponents  0s Resolved Image Recipe parent image ssm:/base to AMI BASE.
step-output build-image/build/ApplyBuildComponents  0s Started BUILD workflow aws:workflow/build/build-image/1.0.3/1
step-output build-image/build/ApplyBuildComponents  0s Total 7 steps to run for workflow aws:workflow/build/build-image/1.0.3/1
step-output build-image/build/ApplyBuildComponents  0s Cloning into 'x'
step-output build-image/build/ApplyBuildComponents  0s Started step LaunchBuildInstance with action LaunchInstance
step-output build-image/build/ApplyBuildComponents  0s Completed step LaunchBuildInstance
step-output build-image/build/ApplyBuildComponents  0s Started step ApplyBuildComponents with action ExecuteComponents
step-done build-image/build/LaunchBuildInstance success 0s 
step-started build-image/build/RunSanitizeScript  0s 
step-output build-image/build/RunSanitizeScript  0s done
step-output build-image/build/RunSanitizeScript  0s Completed step ApplyBuildComponents
step-output build-image/build/RunSanitizeScript  0s Skipped step InventoryCollection
step-output build-image/build/RunSanitizeScript  0s Started step RunSanitizeScript with action SanitizeInstance
step-done build-image/build/ApplyBuildComponents success 19s 
step-done build-image/build/InventoryCollection skipped 0s 
step-started build-image/build/CreateOutputAMI  0s 
step-output build-image/build/CreateOutputAMI  0s all set
step-output build-image/build/CreateOutputAMI  0s Completed step RunSanitizeScript
step-output build-image/build/CreateOutputAMI  0s Skipped step RunSysPrepScript
step-output build-image/build/CreateOutputAMI  0s Started step CreateOutputAMI with action CreateImage
step-done build-image/build/RunSanitizeScript success 19s 
step-done build-image/build/RunSysPrepScript skipped 0s 
step-started build-image/build/TerminateBuildInstance  0s 
stage-started test-image  0s 
step-started test-image/test/LaunchTestInstance  0s 
step-started test-image/test/ApplyTestComponents  0s 
step-output test-image/test/ApplyTestComponents  0s Completed step CreateOutputAMI
step-output test-image/test/ApplyTestComponents  0s Started step TerminateBuildInstance with action TerminateInstance
step-output test-image/test/ApplyTestComponents  0s Completed step TerminateBuildInstance
step-output test-image/test/ApplyTestComponents  0s Image transitioned to TESTING state for Image ARN: 123456789012:image/nightly/1.0.4/1
step-output test-image/test/ApplyTestComponents  0s Started TEST workflow aws:workflow/test/test-image/1.0.3/1
step-output test-image/test/ApplyTestComponents  0s Total 4 steps to run for workflow aws:workflow/test/test-image/1.0.3/1
step-output test-image/test/ApplyTestComponents  0s Started step LaunchTestInstance with action LaunchInstance
step-output test-image/test/ApplyTestComponents  0s Completed step LaunchTestInstance
step-output test-image/test/ApplyTestComponents  0s Skipped step CollectImageScanFindings
step-output test-image/test/ApplyTestComponents  0s Started step ApplyTestComponents with action ExecuteComponents
step-done build-image/build/CreateOutputAMI success 19s 
step-done build-image/build/TerminateBuildInstance success 0s 
stage-done build-image  57s 
step-done test-image/test/LaunchTestInstance success 0s 
step-done test-image/test/CollectImageScanFindings skipped 0s 
step-started test-image/test/TerminateTestInstance  0s 
step-output test-image/test/TerminateTestInstance  0s Completed step ApplyTestComponents
step-output test-image/test/TerminateTestInstance  0s Started step TerminateTestInstance with action TerminateInstance
step-output test-image/test/TerminateTestInstance  0s Completed step TerminateTestInstance
step-output test-image/test/TerminateTestInstance  0s Image transitioned to DISTRIBUTING state for Image ARN: 123456789012:image/nightly/1.0.4/1
step-done test-image/test/ApplyTestComponents success 30s 
step-done test-image/test/TerminateTestInstance success 0s 
stage-done test-image  30s 
step-output test-image/test/TerminateTestInstance  0s Image transitioned to INTEGRATING state for Image ARN: 123456789012:image/nightly/1.0.4/1
step-output test-image/test/TerminateTestInstance  0s Image transitioned to AVAILABLE state for Image ARN: 123456789012:image/nightly/1.0.4/1
stage-done image 1.0.4/1  0s 
`

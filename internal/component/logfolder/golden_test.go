package logfolder

// What the files hold of the run of TestFolder, in the format of real ones.
const (
	detailed = `{
    "executionId": "id",
    "status": "failed",
    "startTime": "2026-03-04T12:00:00Z",
    "endTime": "",
    "failureMessage": "Document /x/doc.yml failed!",
    "documents": [
        {
            "name": "Doc",
            "filePath": "/x/doc.yml",
            "status": "running",
            "description": "",
            "startTime": "2026-03-04T12:00:00Z",
            "endTime": "",
            "failureMessage": "",
            "phases": [
                {
                    "name": "build",
                    "status": "",
                    "startTime": "",
                    "endTime": "",
                    "failureMessage": "",
                    "steps": [
                        {
                            "name": "One",
                            "status": "success",
                            "failureMessage": "",
                            "timeoutSeconds": 7200,
                            "onFailure": "Abort",
                            "maxAttempts": 1,
                            "action": "ExecuteBash",
                            "startTime": "2026-03-04T12:00:00Z",
                            "endTime": "2026-03-04T12:01:00Z",
                            "inputs": "[{\"commands\":[\"echo <1>\"]}]",
                            "outputs": "[{\"stdout\":\"<1>\"}]",
                            "loop": null,
                            "detailedOutput": null
                        },
                        {
                            "name": "Two",
                            "status": "failed",
                            "failureMessage": "",
                            "timeoutSeconds": -1,
                            "onFailure": "Continue",
                            "maxAttempts": 1,
                            "action": "ExecuteDocument",
                            "startTime": "",
                            "endTime": "",
                            "inputs": "",
                            "outputs": "",
                            "loop": {
                                "name": "l"
                            },
                            "detailedOutput": [
                                {
                                    "executionId": "inner",
                                    "status": "",
                                    "startTime": "",
                                    "endTime": "",
                                    "failureMessage": ""
                                }
                            ]
                        }
                    ]
                },
                {
                    "name": "test",
                    "status": "",
                    "startTime": "",
                    "endTime": "",
                    "failureMessage": "",
                    "steps": []
                }
            ]
        }
    ]
}
`
	chaining = `[
    {
        "phases": [
            {
                "name": "build",
                "isSelected": true,
                "steps": [
                    {
                        "name": "One",
                        "inputs": "[{\"commands\":[\"echo <1>\"]}]",
                        "outputs": "[{\"stdout\":\"<1>\"}]",
                        "loop": null,
                        "documents": null
                    },
                    {
                        "name": "Two",
                        "inputs": "",
                        "outputs": "",
                        "loop": {
                            "name": "l"
                        },
                        "documents": null
                    }
                ]
            },
            {
                "name": "test",
                "isSelected": false,
                "steps": []
            }
        ]
    }
]
`
)

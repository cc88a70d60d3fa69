import { readFileSync } from 'node:fs'

/**
 * Counts from Vitest's JSON report. What the report's own numbers do not show is a failure too:
 * a file that could not be loaded, an error outside every test, a runner that crashed, a run without any test.
 */
export function readReport(file, exitCode) {
  let report
  try {
    report = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    const counts = { passed: 0, failed: 0, skipped: 0 }
    return { counts, failures: [`test runner: no report, exit code ${exitCode}`] }
  }
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  }
  const failures = report.testResults.filter(failedOutsideTests).map((suite) => `file: ${suite.name}`)
  if (counts.passed + counts.failed + counts.skipped === 0) failures.push('test runner: no test was run')
  if (exitCode !== 0 && counts.failed + failures.length === 0)
    failures.push(`test runner: exit code ${exitCode} although no test failed`)
  return { counts, failures }
}

function failedOutsideTests(suite) {
  return suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed')
}

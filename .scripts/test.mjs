import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromiumCommand, provideChromium } from './chromium.mjs'
import { provideRedis, redisCommand } from './redis.mjs'
import { readReport } from './report.mjs'
import { build, install } from './setup.mjs'
import { environment, Failure, machineNodeFits, run, tool } from './workspace.mjs'

const [isFull, args] = readArguments(process.argv.slice(2))
const inCI = /^(1|true)$/i.test(process.env.CI ?? '')
const wantsBrowser = args.length === 0 || args.some((arg) => arg.includes('e2e'))
const wantsRedis = args.length === 0 || args.some((arg) => /redis|faults|integration|e2e|bench/.test(arg))
/** One line for everything that failed outside the test runner's own count. */
const failures = []
const counts = { passed: 0, failed: 0, skipped: 0 }

try {
  await install()
  const [programs] = await Promise.all([providePrograms(), checks()])
  reportMissing(programs)
  await suites(programs)
} catch (error) {
  failures.push(error instanceof Failure ? error.message : String(error?.stack ?? error))
}
close()

/** `--full` asks for the full counts; everything else goes to Vitest. */
function readArguments(given) {
  return [given.includes('--full'), given.filter((arg) => arg !== '--full')]
}

/** One after the other: apt-get runs once at a time. */
async function providePrograms() {
  const chromium = wantsBrowser ? await provideChromium() : undefined
  const redis = wantsRedis ? await provideRedis() : undefined
  return { chromium, redis }
}

/** Style, types and the build, one after the other: each is quick, and their output stays readable. */
async function checks() {
  await check('style', tool('biome'), ['check', '--error-on-warnings', '.'])
  await check('types', tool('tsc'), ['-p', 'tsconfig.json'])
  try {
    await build()
  } catch (error) {
    console.error(error.message)
    failures.push('build: the packages could not be built')
  }
}

async function check(name, command, parameters) {
  console.log(`checking the ${name} …`)
  const { code, output } = await run(command, parameters)
  if (code === 0) return
  console.error(output)
  failures.push(`${name}: \`${command.split(/[\\/]/).at(-1)} ${parameters.join(' ')}\` failed`)
}

function reportMissing({ chromium, redis }) {
  if (wantsBrowser && chromium === undefined)
    reportSkip('the browser suite test/e2e', 'CHROMIUM_PATH', 'Chromium', chromiumCommand)
  if (wantsRedis && redis === undefined)
    reportSkip('the suites on Redis', 'REDIS_SERVER_PATH', 'redis-server', redisCommand)
}

function reportSkip(suites, variable, program, command) {
  const wanted = process.env[variable]
  const why = wanted ? `${variable} (${wanted}) is no program` : `no ${program} was found`
  console.log(`skipping ${suites}: ${why}. Install one with: ${command}`)
  if (inCI) failures.push(`${suites}: skipped, and CI allows no skip`)
}

/** Runs Vitest with a report for people and one to count from. */
async function suites({ chromium, redis }) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-test-'))
  const reportFile = join(folder, 'report.json')
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
    const env = environment({
      // A path that is no program must not reach a suite, or it would fail instead of being skipped.
      CHROMIUM_PATH: chromium ?? '',
      ...(wantsRedis && { REDIS_SERVER_PATH: redis ?? '' }),
      ...(isFull && { LATCHKEY_FULL: '1' }),
      ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }),
    })
    const { code } = await run(tool('vitest'), ['run', ...reporters, ...args], { env, show: true })
    const report = readReport(reportFile, code)
    Object.assign(counts, report.counts)
    failures.push(...report.failures)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Names what failed outside the runner, and ends with the line that everybody reads. */
function close() {
  if (inCI && counts.skipped > 0) failures.push(`${counts.skipped} skipped, and CI allows no skip`)
  for (const failure of failures) console.log(`FAILED ${failure}`)
  const failed = counts.failed + failures.length
  if (!machineNodeFits()) console.log(`(machine: Node ${process.versions.node}; tests: the workspace's Node)`)
  console.log(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`)
  process.exitCode = failed > 0 ? 1 : 0
}

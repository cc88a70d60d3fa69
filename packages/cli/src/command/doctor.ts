import { LatchkeyError, type Logger, type ProviderPreset } from '@latchkey/core'
import { checkedBaseUrls, checkedSecrets, isOldNode, oldestNode, printable } from '@latchkey/core/terminal'
import type { Report } from './account-commands.ts'
import { checkApp } from './app-check.ts'
import type { Arguments } from './arguments.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import { presetOf } from './presets.ts'
import { checkProvider } from './provider-check.ts'
import type { BaseUrls } from './redirect-uris.ts'
import { checkRedis } from './redis-check.ts'

const marks = { ok: '✓', warning: '!', problem: '✗' } as const

/** `latchkey doctor`. */
export async function doctor(args: Arguments): Promise<Report> {
  const redisUrl = args.text('redis') ?? process.env.REDIS_URL
  const app = args.text('app')
  const presets = await Promise.all(args.operands.map((name) => presetOf(name, args)))
  const { baseUrls, finding } = readBaseUrls(args.text('base-url') ?? process.env.LATCHKEY_BASE_URL)
  const found = (
    await Promise.all([
      [checkNode(process.versions.node)],
      [checkSecret(process.env.LATCHKEY_SECRET, presets)],
      [finding],
      ...presets.map((preset) => checkProvider(preset, baseUrls)),
      ...(app === undefined ? [] : presets.map((preset) => checkApp(app, preset, baseUrls))),
      redisUrl === undefined ? [noRedis] : checkRedis(redisUrl),
    ])
  ).flat()
  const text = found.map((one) => printable(`${marks[one.level]} ${one.about}: ${one.text}`)).join('\n')
  return { json: found, text, exitCode: found.some(({ level }) => level === 'problem') ? 1 : 0 }
}

const noRedis = warning(
  'Redis',
  'not named. With one process the memory will do; for several pass --redis redis://…',
)

function checkNode(version: string): Finding {
  if (isOldNode(version)) return problem('Node', `${version} is too old. Install ${oldestNode} or newer.`)
  return ok('Node', version)
}

function checkSecret(value: string | undefined, presets: readonly ProviderPreset[]): Finding {
  const about = 'LATCHKEY_SECRET'
  if (!value) {
    return problem(
      about,
      'not set. Production does not start without it: export LATCHKEY_SECRET="$(latchkey keygen)"',
    )
  }
  const others = presets.flatMap(({ clientSecret }) => clientSecret ?? [])
  const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} }
  try {
    const [, ...older] = checkedSecrets(listIn(value), { isProduction: true, log: quiet }, others)
    return ok(about, older.length === 0 ? 'long and random' : `long and random, with ${older.length} older`)
  } catch (error) {
    return problem(about, refusal(error))
  }
}

/** Where the app is, and what is wrong with that: then there are no redirect URIs to speak of. */
function readBaseUrls(value: string | undefined): {
  readonly baseUrls: BaseUrls | undefined
  readonly finding: Finding
} {
  const about = 'base URL'
  if (!value) {
    const text =
      'not named, so no redirect URIs can be said. Pass --base-url https://…, as it stands in latchkey({ baseUrl }).'
    return { baseUrls: undefined, finding: warning(about, text) }
  }
  try {
    return { baseUrls: checkedBaseUrls(listIn(value), false), finding: ok(about, value) }
  } catch (error) {
    return { baseUrls: undefined, finding: problem(about, refusal(error)) }
  }
}

function listIn(value: string): readonly string[] {
  return value.split(',').map((one) => one.trim())
}

function refusal(error: unknown): string {
  if (LatchkeyError.is(error)) return error.message
  throw error
}

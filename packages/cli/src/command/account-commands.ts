import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { LatchkeyError } from '@latchkey/core'
import { printable } from '@latchkey/core/terminal'
import type { TerminalAccount } from '../account.ts'
import { diskStore } from '../disk/disk-store.ts'
import { type AccountOptions, defaultTimeoutSeconds } from '../options.ts'
import { promptIn } from '../sign-in/prompt-in.ts'
import { type Prompt, promptTexts } from '../sign-in/request.ts'
import { openAccount, signIn } from '../sign-in.ts'
import type { Arguments } from './arguments.ts'
import { UnreachableError, UsageError } from './failure.ts'
import { portsOf, requireWayFor, wayOf } from './login-arguments.ts'
import { causeOf } from './network-error.ts'
import { presetOf } from './presets.ts'
import { showWaiting } from './waiting.ts'

/** What a command prints on stdout: an object for `--json`, a text for people. */
export interface Report {
  readonly json: unknown
  readonly text: string
  /** @default 0 */
  readonly exitCode?: number
}

/** `latchkey login`. */
export async function login(args: Arguments): Promise<Report> {
  const via = wayOf(args.text('via') ?? 'loopback')
  const timeoutSeconds = args.number('timeout', 1, 86_400) ?? defaultTimeoutSeconds
  const shared = await accountOptions(args)
  let stopWaiting = (): void => {}
  const scope = args
    .text('scope')
    ?.split(/[, ]+/)
    .filter((one) => one !== '')
  const port = portsOf(args.text('port'))
  const [redirectUri, user] = [args.text('redirect-uri'), args.text('user')]
  requireWayFor(via, 'loopback', '--port', port)
  requireWayFor(via, 'console', '--redirect-uri', redirectUri)
  const onPrompt = (prompt: Prompt): void => {
    stopWaiting = prompted(prompt, Date.now() + timeoutSeconds * 1_000)
  }
  try {
    const account = await signIn({
      ...shared,
      via,
      timeoutSeconds,
      force: args.flag('force'),
      ...(scope && { scope }),
      ...(port && { loopback: { port } }),
      ...(redirectUri && { redirectUri }),
      ...(user && { user }),
      ...(args.flag('no-browser') && { openBrowser: false }),
      // Pasting is a dialogue, which brings its own texts.
      ...(via !== 'console' && { onPrompt }),
    })
    return described(account, 'Signed in')
  } finally {
    stopWaiting()
  }
}

/** `latchkey fetch`. The body goes to stdout as it is. */
export async function fetchUrl(args: Arguments): Promise<Report | undefined> {
  const [, url] = args.operands
  if (url === undefined) throw new UsageError('latchkey fetch <provider> <url>', 'fetch')
  if (!/^https?:/.test(URL.parse(url)?.protocol ?? ''))
    throw new UsageError('The address must be absolute, such as https://api.spotify.com/v1/me.', 'fetch')
  const headers = headersOf(args.list('header'))
  const account = await requireAccount(args)
  const data = args.text('data')
  const body = data === undefined ? undefined : await dataOf(data)
  const method = args.text('method') ?? (body === undefined ? 'GET' : 'POST')
  const reply = await answerOf(url, () =>
    account.fetch(url, { method, headers, ...(body !== undefined && { body }) }),
  )
  const exitCode = reply.status < 400 ? 0 : 1
  if (args.isJson) {
    const { status } = reply
    const json = { status, headers: Object.fromEntries(reply.headers), body: await reply.text() }
    return { json, text: '', exitCode }
  }
  if (!reply.ok) process.stderr.write(`${reply.status} ${printable(reply.statusText)}\n`)
  if (reply.body !== null) await pipeline(reply.body, process.stdout, { end: false })
  // The shell's next prompt begins on a line of its own.
  if (process.stdout.isTTY) process.stdout.write('\n')
  process.exitCode = exitCode
  return undefined
}

function headersOf(given: readonly string[]): Headers {
  const headers = new Headers()
  for (const header of given) {
    const [, name = '', value = ''] = /^([^:]+):(.*)$/s.exec(header) ?? []
    try {
      headers.append(name, value.trim())
    } catch {
      throw new UsageError('--header wants <name>: <value>, both as HTTP allows them.', 'fetch')
    }
  }
  return headers
}

async function answerOf(url: string, ask: () => Promise<Response>): Promise<Response> {
  try {
    return await ask()
  } catch (error) {
    if (LatchkeyError.is(error) || !(error instanceof Error && 'cause' in error)) throw error
    throw new UnreachableError(`${new URL(url).origin} cannot be reached (${causeOf(error)}).`)
  }
}

/** `latchkey token`. */
export async function token(args: Arguments): Promise<Report> {
  const account = await requireAccount(args)
  const minTtlSeconds = args.number('min-ttl', 0, 86_400) ?? 0
  const { value } = await account.accessToken({ minTtlSeconds })
  if (args.flag('print')) return { json: { accessToken: value }, text: value }
  return described(account, 'Signed in')
}

/** `latchkey accounts`. */
export async function accounts(args: Arguments): Promise<Report> {
  const stored = await storeOf(args).accounts()
  const json = stored.map(({ about: { provider, profile, clientId, scope, user } }) => ({
    provider,
    profile,
    clientId,
    scope,
    user,
  }))
  const lines = json.map(({ provider, profile, user, scope }) =>
    [provider.padEnd(12), profile.padEnd(12), user?.name ?? user?.id ?? 'somebody', scope.join(' ')]
      .map(printable)
      .join('  ')
      .trimEnd(),
  )
  return {
    json,
    text:
      lines.length === 0 ? 'Nobody is signed in. Begin with: latchkey login <provider>' : lines.join('\n'),
  }
}

/** `latchkey logout`. */
export async function logout(args: Arguments): Promise<Report> {
  const account = await requireAccount(args)
  const { isRevoked } = await account.logout()
  const rest = isRevoked
    ? ''
    : ` ${account.provider} could not be told: remove the program in your account there.`
  return {
    json: { provider: account.provider, profile: account.profile, isRevoked },
    text: `Signed out.${rest}`,
  }
}

async function requireAccount(args: Arguments): Promise<TerminalAccount> {
  const options = await accountOptions(args)
  const account = await openAccount(options)
  if (account !== undefined) return account
  const { id, name } = options.provider
  throw new LatchkeyError('login_required', `Nobody is signed in at ${name}.`, {
    provider: id,
    reason: 'signed_out',
  })
}

async function accountOptions(args: Arguments): Promise<AccountOptions> {
  const [profile, audience] = [args.text('profile'), args.text('audience')]
  return {
    provider: await presetOf(args.operands[0], args),
    store: storeOf(args),
    ...(profile && { profile }),
    ...(audience && { audience }),
  }
}

function storeOf(args: Arguments): ReturnType<typeof diskStore> {
  return diskStore({ folder: args.text('folder') ?? process.env.LATCHKEY_FOLDER })
}

async function described(account: TerminalAccount, what: string): Promise<Report> {
  const { provider, profile, user } = account
  const status = await account.status()
  const whose = user === undefined ? '' : ` as ${user.name ?? user.id}`
  const left =
    status?.expiresAt === undefined
      ? ''
      : ` The token is good for ${duration(status.expiresAt - Date.now() / 1_000)}.`
  const until = status?.refreshTokenExpiresAt
  const end =
    until === undefined ? '' : ` Sign in again by ${new Date(until * 1_000).toISOString().slice(0, 10)}.`
  return {
    json: { provider, profile, user, ...status },
    text: printable(`${what} at ${provider}${whose}, profile ${profile}.${left}${end}`),
  }
}

function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 120) return `${whole} seconds`
  return whole < 7_200 ? `${Math.round(whole / 60)} minutes` : `${Math.round(whole / 3_600)} hours`
}

/** Tells the person what to do, and shows that it is waited for. */
function prompted(prompt: Prompt, until: number): () => void {
  const { stderr } = process
  const isOpened = 'Your browser shows the sign-in. If it does not, open this address:'
  const isNotOpened = 'Open this address in a browser of this machine:'
  const visit = `${prompt.isOpened ? isOpened : isNotOpened}\n\n  {url}\n`
  promptIn({}, { ...promptTexts, visit })(prompt)
  return prompt.via === 'device'
    ? showWaiting(stderr, 'Waiting for you to agree', Math.min(until, prompt.expiresAt * 1_000))
    : showWaiting(stderr, 'Waiting for the browser', until)
}

async function dataOf(data: string): Promise<string | Uint8Array<ArrayBuffer>> {
  if (data === '@-') return new Uint8Array(await buffer(process.stdin))
  if (!data.startsWith('@')) return data
  const path = data.slice(1)
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--data: ${path} cannot be read (${error.code}).`, 'fetch')
  })
  return new Uint8Array(bytes)
}

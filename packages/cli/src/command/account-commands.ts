import { LatchkeyError } from '@latchkey/core'
import { printable, signsNobodyIn, signsUsersIn } from '@latchkey/core/terminal'
import type { TerminalAccount } from '../account.ts'
import { diskStore } from '../disk/disk-store.ts'
import { type AccountOptions, defaultTimeoutSeconds } from '../options.ts'
import { promptIn } from '../sign-in/prompt-in.ts'
import { type Prompt, promptTexts } from '../sign-in/request.ts'
import { openAccount, signIn } from '../sign-in.ts'
import type { Arguments } from './arguments.ts'
import { portsOf, requireWayFor, wayOf } from './login-arguments.ts'
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

/** @throws {LatchkeyError} `login_required`: nobody is signed in. */
export async function requireAccount(args: Arguments): Promise<TerminalAccount> {
  const options = await accountOptions(args)
  const account = await openAccount(options)
  if (account !== undefined) return account
  if (!signsUsersIn(options.provider)) throw signsNobodyIn(options.provider)
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
  return diskStore({ folder: args.text('folder') || process.env.LATCHKEY_FOLDER })
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

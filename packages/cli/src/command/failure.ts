import { LatchkeyError } from '@latchkey/core'

/** Used wrongly: the message says what is meant. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
  /** Whose `--help` says more; absent: that of the whole program. */
  readonly command: string | undefined

  constructor(message: string, command?: string) {
    super(message)
    this.command = command
  }
}

/** An address does not answer, which may change by itself. */
export class UnreachableError extends Error {
  override readonly name: string = 'UnreachableError'
}

const exitCodes: Readonly<Record<string, number>> = {
  invalid_options: 2,
  login_required: 3,
  as_unavailable: 4,
  store_unavailable: 4,
}

/** What must be mended, on the disk or in the secrets, before a further try makes sense. */
const lastingFaults: ReadonlySet<string | undefined> = new Set([
  'folder',
  'folder_mode',
  'file_kind',
  'file_links',
  'file_mode',
  'file_rights',
  'file_size',
  'newer',
  'owner',
  'unknown_format',
  'unknown_key',
])

/** What the shell is told. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return 2
  if (error instanceof UnreachableError) return 4
  if (!LatchkeyError.is(error)) return 1
  if (error.code === 'store_unavailable' && lastingFaults.has(error.reason)) return 1
  return exitCodes[error.code] ?? 1
}

/** What the person is told: for what is expected to go wrong, no stack. */
export function messageOf(error: unknown, call: Call): string {
  if (!LatchkeyError.is(error)) return error instanceof Error ? error.message : String(error)
  return `${error.message} ${advice(error, call) ?? ''}`.trimEnd()
}

/** What was called, as far as it could be read. */
export interface Call {
  readonly command: string
  readonly provider?: string | undefined
  readonly profile?: string | undefined
}

/** Options of the library, as the command takes them. */
const flags: ReadonlyMap<string | undefined, string> = new Map([
  ['audience', '--audience <API>'],
  ['clientId', '--client-id <id>'],
  ['clientSecret', 'the variable <PROVIDER>_CLIENT_SECRET, or --providers'],
  ['port', '--port <n>'],
  ['profile', '--profile <name>'],
  ['redirectUri', '--redirect-uri <uri>'],
  ['scope', '--scope <a,b>'],
  ['secret', 'the variable LATCHKEY_SECRET'],
  ['timeoutSeconds', '--timeout <seconds>'],
])

/** The way out on the command line, where the library names one in a program. */
function advice(error: LatchkeyError, call: Call): string | undefined {
  const { command, profile } = call
  const { code, reason, provider = call.provider ?? '<provider>' } = error
  const login = `latchkey login ${provider}${profile === undefined ? '' : ` --profile ${profile}`}`
  switch (code) {
    case 'invalid_options':
      if (reason === undefined) return undefined
      return `Here that is ${flags.get(reason) ?? `--set ${reason}=<value>, or --providers`}.`
    case 'login_required':
    case 'insufficient_scope':
      return command === 'login' ? undefined : `Run: ${login}`
    case 'state_mismatch':
      return 'It is the address of another sign-in: run latchkey login again, and paste what this one ends at.'
    case 'not_supported':
      return reason === 'deviceAuthorizationEndpoint' ? 'Or use --via loopback or --via console.' : undefined
    case 'origin_not_allowed':
      return `Here that is --set 'resourceOrigins=["https://api.example.com"]', or --providers.`
    case 'store_unavailable':
      return reason === 'unknown_key'
        ? `Set LATCHKEY_SECRET to that one, or sign in anew: ${login} --force`
        : placeAdvice(reason)
    default:
      return undefined
  }
}

function placeAdvice(reason: string | undefined): string | undefined {
  switch (reason) {
    case 'folder':
    case 'owner':
      return 'Say another folder: --folder <path>, or LATCHKEY_FOLDER.'
    case 'file_rights':
      return 'Give this user the right to read and write there, or say another folder: --folder <path>, or LATCHKEY_FOLDER.'
    default:
      return undefined
  }
}

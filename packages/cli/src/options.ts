import {
  type ApiAccess,
  type Clock,
  LatchkeyError,
  type Logger,
  type OAuthClientOptions,
  type ProviderPreset,
  type RequestParams,
  type TokenSet,
  type Tokens,
} from '@latchkey/core'
import type { DiskStore } from './disk/disk-store.ts'
import type { OpenBrowser } from './sign-in/browser.ts'
import type { LoopbackOptions } from './sign-in/loopback.ts'
import type { Prompt, PromptTexts, SignInWay } from './sign-in/request.ts'
import type { Terminal } from './sign-in/terminal.ts'

/** How long somebody is waited for. */
export const defaultTimeoutSeconds = 300

/** Which account, and where it is kept. */
export interface AccountOptions {
  /** What a preset returns. Client id and secret left out come from `<ID>_CLIENT_ID` and `<ID>_CLIENT_SECRET`. */
  readonly provider: ProviderPreset
  /** Several accounts at one provider have names. @default 'default' */
  readonly profile?: string
  /** The API that tokens are for, where the server wants to be told (Auth0). @default that of the preset */
  readonly audience?: string
  /** @default a `diskStore()` */
  readonly store?: DiskStore
  /** 32 random bytes as text, or several: the first seals, all open. @default LATCHKEY_SECRET; without it the file is not encrypted */
  readonly secret?: string | readonly string[]
  /** Says whether the tokens are good, for instance by a call. False: they are as good as none. */
  readonly validate?: (account: ApiAccess) => boolean | Promise<boolean>
  /** Brings fresh tokens in the place of the authorization server; they are stored. A `login_required` thrown ends the account. */
  readonly refresh?: (current: TokenSet) => Promise<Tokens>
  readonly dispatcher?: OAuthClientOptions['dispatcher']
  readonly clock?: Clock
  /** pino-like. @default warnings and errors on the console, which is stderr */
  readonly logger?: Logger
}

/** How somebody signs in. */
export interface SignInOptions extends AccountOptions {
  /** In the browser of this machine, in another browser and by pasting, or on another device. */
  readonly via: SignInWay
  /** @default that of the preset */
  readonly scope?: readonly string[]
  /** False: an account that has to be signed in to is `login_required`. @default true */
  readonly interactive?: boolean
  /** Signs in anew, whatever is stored. @default false */
  readonly force?: boolean
  /** Only this user, by the provider's id. @default whoever signs in */
  readonly user?: string
  readonly loopback?: LoopbackOptions
  /** Of `via: 'console'`: registered at the provider; nobody listens there. @default 'http://127.0.0.1/callback' */
  readonly redirectUri?: string
  /** Further parameters of the authorization request. */
  readonly params?: RequestParams
  /** Seconds; the codes of a device may end sooner. @default 300 */
  readonly timeoutSeconds?: number
  readonly signal?: AbortSignal
  /** @default true where stderr is a terminal */
  readonly openBrowser?: OpenBrowser
  /** Says what the person has to do, in the place of the texts on stderr. */
  readonly onPrompt?: (prompt: Prompt) => void
  readonly texts?: Partial<PromptTexts>
  readonly terminal?: Terminal
}

/** The name of a profile, checked. @throws {LatchkeyError} `invalid_options` */
export function profileOf({ profile = 'default' }: Pick<AccountOptions, 'profile'>): string {
  if (typeof profile === 'string' && /^[\w.@+-]{1,64}$/.test(profile)) return profile
  throw new LatchkeyError(
    'invalid_options',
    'The option profile must be 1 to 64 letters, digits or one of . _ @ + -',
    { reason: 'profile' },
  )
}

/** The secrets, those of the environment where none are given. @throws {LatchkeyError} `invalid_options` */
export function secretsOf({ secret }: Pick<AccountOptions, 'secret'>): readonly string[] {
  const given = secret ?? (process.env.LATCHKEY_SECRET?.split(',') || [])
  const secrets = [given]
    .flat()
    .map((one) => one.trim())
    .filter((one) => one !== '')
  if (secrets.every((one) => Buffer.byteLength(one) >= 32)) return secrets
  throw new LatchkeyError(
    'invalid_options',
    'The option secret (or LATCHKEY_SECRET) is shorter than 32 bytes. Make one: npx @latchkey/cli keygen',
    { reason: 'secret' },
  )
}

/** @throws {LatchkeyError} `invalid_options` */
export function requireTimeout({ timeoutSeconds = defaultTimeoutSeconds }: SignInOptions): void {
  if (timeoutSeconds > 0 && timeoutSeconds <= 86_400) return
  throw new LatchkeyError('invalid_options', 'The option timeoutSeconds must be seconds up to 86400.', {
    reason: 'timeoutSeconds',
  })
}

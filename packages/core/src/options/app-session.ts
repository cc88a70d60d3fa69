import { isTextList, kindOf } from '../input/kind-of.ts'
import type { NamesOf } from '../input/known-names.ts'
import type { SessionSettings } from '../session/sessions.ts'
import { invalidOption } from './invalid-option.ts'
import { requireOptionsObject } from './option-shapes.ts'
import { derivedSecrets, type Secrets } from './secrets.ts'
import { checkCookieName, checkSeconds } from './session-settings.ts'

/** The option `session`: the app's own data, `req.session`. */
export interface AppSessionOptions {
  /** Keys of `req.session` that survive a sign-in, for example a shopping basket. @default [] */
  readonly keep?: readonly string[]
  /** Seconds without a request after which the data is dropped. @default signIn.idleSeconds */
  readonly idleSeconds?: number
  /** Base name of the cookie; on https it becomes `__Host-<name>`. @default 'latchkey-app' */
  readonly cookieName?: string
}

/** What an adapter needs to keep the app's own session. */
export interface AppSessionSettings {
  readonly keep: readonly string[]
  readonly idleSeconds: number
  readonly cookieName: string
  /** The browser keeps the cookie this long after the last change. */
  readonly cookieMaxAgeSeconds: number
  /** Follows `baseUrl`, not the connection: a proxy may end TLS. */
  readonly secure: boolean
  /** Sign the cookie: the first one signs, all verify. */
  readonly secrets: Secrets
}

const names: NamesOf<AppSessionOptions> = { keep: true, idleSeconds: true, cookieName: true }

/** The option `session`, checked and complete; `undefined`: the app has none of ours. */
export function appSessionSettings(
  options: false | AppSessionOptions,
  {
    idleSeconds: signInIdleSeconds,
    absoluteSeconds,
    cookie: { secure, port, name: signInName },
  }: SessionSettings,
  own: Secrets,
): AppSessionSettings | undefined {
  if (options === false) return undefined
  requireOptionsObject('session', options, names, "false or an object like { keep: ['cart'] }")
  const { keep = [], idleSeconds = signInIdleSeconds, cookieName = 'latchkey-app' } = options
  if (!isTextList(keep)) {
    throw invalidOption(`The option session.keep must be a list of keys, like ['cart'], not ${kindOf(keep)}.`)
  }
  checkSeconds('session.idleSeconds', idleSeconds)
  checkCookieName('session.cookieName', cookieName)
  if (cookieName === signInName) {
    throw invalidOption('The options session.cookieName and signIn.cookieName must differ.')
  }
  const name = secure ? `__Host-${cookieName}` : `${cookieName}-${port}`
  return {
    keep,
    idleSeconds,
    cookieName: name,
    cookieMaxAgeSeconds: Math.max(absoluteSeconds, idleSeconds),
    secure,
    secrets: derivedSecrets(own, 'app session'),
  }
}

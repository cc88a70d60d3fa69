import { equalInConstantTime } from '../crypto/constant-time.ts'
import { randomId } from '../crypto/random.ts'
import { LatchkeyError } from '../errors.ts'
import { parseAuthorizationResponse, rawQuery } from '../flows/authorization-response.ts'
import { isOptionsObject, kindOf } from '../input/kind-of.ts'
import { invalidOption } from '../options/invalid-option.ts'
import type { Provider } from '../protocol/provider.ts'
import { checkRedirectUri, type RequestParams, requestedScope, requireText } from './request-checks.ts'

/** What an authorization URL is made of. */
export interface AuthorizationUrlRequest {
  /** Where the answer goes; registered at the server. */
  readonly redirectUri: string
  /** Left out: the provider's. `[]`: none. */
  readonly scope?: readonly string[] | undefined
  /** At least 16 characters that nobody can guess. Left out, and better: a random one. */
  readonly state?: string | undefined
  /** `prompt` of OpenID Connect. */
  readonly prompt?: string | undefined
  /** Further parameters. They win over the provider's and replace none of Latchkey's own. */
  readonly params?: RequestParams | undefined
}

/**
 * An authorization request under way: send the user to `url`, keep the rest until the callback, bound to this user's
 * browser or terminal, and use it once. Plain data. `codeVerifier` is secret.
 */
export interface PendingAuthorization {
  readonly url: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly redirectUri: string
  readonly scope: readonly string[]
}

/** What must be kept of a {@link PendingAuthorization}. */
export type KeptAuthorization = Omit<PendingAuthorization, 'url' | 'scope'> &
  Partial<Pick<PendingAuthorization, 'scope'>>

const shortestState = 16

/**
 * The values of a new authorization request, random where the app gives none.
 * @throws {LatchkeyError} `invalid_options`
 */
export function newAuthorization(
  provider: Provider,
  request: AuthorizationUrlRequest,
): Omit<PendingAuthorization, 'url'> {
  if (!isOptionsObject(request)) {
    throw invalidOption(`authorizationUrl() takes { redirectUri }, not ${kindOf(request)}.`)
  }
  const { redirectUri, scope, state = randomId(256) } = request
  checkRedirectUri(provider, redirectUri)
  if (typeof state !== 'string' || state.length < shortestState || !/^[\x20-\x7e]+$/.test(state)) {
    throw invalidOption(
      `state must be at least ${shortestState} ASCII characters that nobody can guess. Leave it out for a random one.`,
    )
  }
  return {
    state,
    nonce: randomId(256),
    codeVerifier: randomId(256),
    redirectUri,
    scope: requestedScope(scope, provider.scope),
  }
}

/**
 * What the app kept, complete enough to exchange a code.
 * @throws {LatchkeyError} `invalid_options` that names what is missing.
 */
export function keptAuthorization(
  provider: Provider,
  kept: KeptAuthorization,
): Omit<PendingAuthorization, 'url'> {
  const from = 'what authorizationUrl() returned, kept until the callback'
  if (!isOptionsObject(kept)) {
    throw invalidOption(`The second argument must be ${from}, not ${kindOf(kept)}.`)
  }
  return {
    state: requireText('state', kept.state, from),
    nonce: requireText('nonce', kept.nonce, from),
    codeVerifier: requireText('codeVerifier', kept.codeVerifier, from),
    redirectUri: requireText('redirectUri', kept.redirectUri, from),
    scope: requestedScope(kept.scope, provider.scope),
  }
}

/**
 * The parameters of a callback that answers this authorization request.
 *
 * @param callback the URL that was called, its path and query, or the parameters themselves.
 * @throws {LatchkeyError} `state_mismatch`: it answers another request, or none. `invalid_callback`: a parameter stands
 *   twice. `invalid_options`: no callback at all.
 */
export function callbackParameters(
  provider: Provider,
  callback: string | URL | URLSearchParams,
  { state }: Pick<KeptAuthorization, 'state'>,
): URLSearchParams {
  const parameters = parseAuthorizationResponse(rawParameters(callback))
  if (equalInConstantTime(parameters.get('state') ?? '', state)) return parameters
  throw new LatchkeyError(
    'state_mismatch',
    `${provider.id}: the callback answers another authorization request. Start again with authorizationUrl().`,
    { provider: provider.id, reason: 'state' },
  )
}

function rawParameters(callback: string | URL | URLSearchParams): string {
  if (callback instanceof URLSearchParams) return callback.toString()
  if (callback instanceof URL) return callback.search.slice(1)
  if (typeof callback !== 'string') {
    throw invalidOption(
      `The first argument must be the URL of the callback, or its parameters as URLSearchParams, not ${kindOf(callback)}. ` +
        'A parsed query hides repeated parameters, so it is not taken.',
    )
  }
  const [withoutFragment = ''] = callback.split('#', 1)
  return withoutFragment.includes('?') ? rawQuery(withoutFragment) : withoutFragment
}

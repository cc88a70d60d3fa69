import { LatchkeyError } from '../errors.ts'
import { isOptionsObject, kindOf } from '../input/kind-of.ts'
import { type NamesOf, requireKnownKeys } from '../input/known-names.ts'
import type { ProviderOptions } from './define-provider.ts'

const names: NamesOf<ProviderOptions> = {
  id: true,
  name: true,
  icon: true,
  issuer: true,
  authorizationEndpoint: true,
  tokenEndpoint: true,
  revocationEndpoint: true,
  deviceAuthorizationEndpoint: true,
  jwksUri: true,
  authorizationResponseIss: true,
  authorizationResponseScope: true,
  authorizationResponseName: true,
  clientId: true,
  clientSecret: true,
  clientAuth: true,
  revocationClientAuth: true,
  scope: true,
  scopeSeparator: true,
  sendEmptyScope: true,
  params: true,
  pkce: true,
  responseMode: true,
  tokenBodyFormat: true,
  tokenParams: true,
  tokenHeaders: true,
  tokenAnswer: true,
  tokenTimeClaims: true,
  clientCredentials: true,
  clientLogin: true,
  idTokenAlgorithms: true,
  idTokenIssuers: true,
  userinfo: true,
  resourceOrigins: true,
  credentials: true,
  apiKeyHeaders: true,
  resourceHeaders: true,
  expectsRefreshToken: true,
  deadRefresh: true,
  refreshEndsAccessToken: true,
  exclusive: true,
  keepAccounts: true,
  refreshTokenLifetime: true,
  expiryNoticeDays: true,
  revocation: true,
  callbackPath: true,
  redirectUriRule: true,
}

/**
 * Refuses options of a preset that are no options object, that hold a key nobody reads, or that lack what this preset
 * cannot guess.
 *
 * @param preset the function's name.
 * @param required what must be given, and in words what belongs there.
 * @param own options that this preset has beside those of all.
 * @throws {LatchkeyError} `invalid_options` that names preset, option and fix.
 */
export function checkPresetOptions(
  preset: string,
  options: unknown,
  required: { readonly [Name in keyof ProviderOptions]?: string },
  own: readonly string[] = [],
): void {
  const needed = Object.keys(required)
  const call = `${preset}({ ${needed.length === 0 ? 'clientId, clientSecret' : needed.join(', ')}, … })`
  if (!isOptionsObject(options)) {
    throw new LatchkeyError(
      'invalid_options',
      `${preset}() takes its options as one object, but got ${kindOf(options)}. Write ${call}.`,
    )
  }
  const ownNames = Object.fromEntries(own.map((name) => [name, true] as const))
  requireKnownKeys<ProviderOptions>(`${preset}()`, options, { ...names, ...ownNames })
  for (const [option, meaning] of Object.entries(required)) {
    const value: unknown = Reflect.get(options, option)
    if (value !== undefined && value !== null) continue
    throw new LatchkeyError(
      'invalid_options',
      `${preset}(): the option ${option} is missing. Write ${call}; ${option} is ${meaning}.`,
      { reason: option },
    )
  }
}

/** @throws {LatchkeyError} `invalid_options`: the option has none of its values. */
export function requireOneOf(
  preset: string,
  option: string,
  value: unknown,
  known: readonly (string | boolean)[],
): void {
  if (known.some((one) => one === value)) return
  const values = known.map((one) => (typeof one === 'string' ? `'${one}'` : one)).join(' or ')
  throw invalidPresetOption(preset, option, `must be ${values}.`)
}

/** The error that names preset, option and fix. */
export function invalidPresetOption(preset: string, option: string, fix: string): LatchkeyError {
  return new LatchkeyError('invalid_options', `${preset}(): ${option} ${fix}`, { reason: option })
}

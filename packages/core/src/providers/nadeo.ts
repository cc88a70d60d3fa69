import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type PresetData, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions, invalidPresetOption, requireOneOf } from './preset-options.ts'

/** An API of Nadeo's, by its name or one of the short ones. */
export type NadeoAudience = 'NadeoServices' | 'NadeoLiveServices' | 'core' | 'prod' | 'live' | 'meet' | 'club'

/** Options of {@link nadeo}. */
export interface NadeoOptions<Id extends string>
  extends Omit<ProviderOptions<Id>, 'clientId' | 'clientSecret'> {
  /** Which kind of account the login is of: it says what the tokens may do. */
  readonly account: keyof typeof accountNames
  /** Left out: taken from `NADEO_CLIENT_ID`. The login, not the account id. */
  readonly login?: string | undefined
  /** Left out: taken from `NADEO_CLIENT_SECRET`. */
  readonly password?: string | undefined
  /** Nadeo wants to know who calls: project and contact, like `my-app / me@example.com`. */
  readonly userAgent: string
  /** What `application('nadeo')` without an audience gets tokens for. @default 'core' */
  readonly audience?: NadeoAudience
}

const accountNames = {
  service: 'Nadeo (service account)',
  dedicatedServer: 'Nadeo (dedicated server account)',
} as const

const core = 'https://prod.trackmania.core.nadeo.online'
const audiences = [
  { name: 'NadeoServices', aliases: ['core', 'prod'], resourceOrigins: [core] },
  {
    name: 'NadeoLiveServices',
    aliases: ['live', 'meet', 'club'],
    resourceOrigins: ['https://live-services.trackmania.nadeo.live', 'https://meet.trackmania.nadeo.club'],
  },
] as const

const data: Omit<PresetData, 'name'> = {
  tokenAnswer: { accessToken: 'accessToken', refreshToken: 'refreshToken', error: 'message' },
  // The answer has no expires_in. From `rat` on Nadeo's own clients refresh.
  tokenTimeClaims: { expiresAt: 'exp', refreshAfter: 'rat' },
  credentials: { headers: { authorization: 'nadeo_v1 t={access_token}' } },
  resourceOrigins: audiences.flatMap(({ resourceOrigins }) => resourceOrigins),
}

/**
 * Nadeo's web services for Trackmania: `auth.application('nadeo', { audience: 'live' }).fetch(...)`. No OAuth 2 server and
 * no sign-in: the account's login and password give a token for each audience, good for its own hosts alone. Tokens live
 * an hour and are renewed from half of it on; after a day the login is used again. Facts from the Openplanet
 * documentation (webservices.openplanet.dev), which Nadeo does not vouch for. At most two requests a second are wanted.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function nadeo<const Id extends string = 'nadeo'>(options: NadeoOptions<Id>): ProviderPreset<Id> {
  const { account, login, password, userAgent, audience = 'core', ...rest } = options ?? {}
  checkPresetOptions('nadeo', rest, {})
  requireOneOf('nadeo', 'account', account, Object.keys(accountNames))
  if (typeof userAgent !== 'string' || userAgent.trim() === '')
    throw invalidPresetOption(
      'nadeo',
      'userAgent',
      "is missing. Nadeo wants project and contact: 'my-app / me@example.com'.",
    )
  const first = audiences.find(({ name, aliases }) => {
    return [name.toLowerCase(), ...aliases].includes(String(audience).toLowerCase())
  })
  if (first === undefined)
    throw invalidPresetOption(
      'nadeo',
      'audience',
      "must be 'core', 'live', 'meet', 'club' or the name of an audience.",
    )
  const others = audiences.filter((one) => one !== first)
  return defineProvider(
    rest.id ?? ('nadeo' as Id), // without an id, Id is its default
    {
      ...data,
      name: accountNames[account],
      tokenHeaders: { 'user-agent': userAgent },
      resourceHeaders: { 'user-agent': userAgent },
      clientLogin: {
        login: {
          endpoint: `${core}/v2/authentication/token/basic`,
          headers: { authorization: 'Basic {basic}' },
          body: { audience: '{audience}' },
        },
        refresh: {
          endpoint: `${core}/v2/authentication/token/refresh`,
          headers: { authorization: 'nadeo_v1 t={refresh_token}' },
        },
        audiences: [first, ...others],
      },
    },
    { ...rest, clientId: login, clientSecret: password },
  )
}

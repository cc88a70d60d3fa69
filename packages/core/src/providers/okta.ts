import type { ProviderPreset } from '../protocol/provider.ts'
import { openidUserFields } from '../protocol/user.ts'
import { defineProvider, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'
import { hostOf, pathPartOf } from './url-options.ts'

/** Options of {@link okta}. */
export interface OktaOptions<Id extends string> extends ProviderOptions<Id> {
  /** Of the organization, like `example.okta.com`. */
  readonly domain: string
  /** Id of a custom authorization server, like `default`. Left out: the organization's own. */
  readonly authorizationServer?: string
}

/**
 * Okta. A custom authorization server is another issuer. Asks for `offline_access`, so that there is a refresh token. Facts from
 * Okta's documentation and other libraries (medium confidence).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function okta<const Id extends string = 'okta'>(options: OktaOptions<Id>): ProviderPreset<Id> {
  const { domain, authorizationServer, ...rest } = options ?? {}
  checkPresetOptions('okta', rest, {})
  const origin = `https://${hostOf('okta', 'domain', domain, 'example.okta.com')}`
  const server =
    authorizationServer === undefined
      ? ''
      : `/${pathPartOf('okta', 'authorizationServer', authorizationServer, 'default')}`
  const base = `${origin}/oauth2${server}/v1`
  const data = {
    name: 'Okta',
    issuer: server === '' ? origin : `${origin}/oauth2${server}`,
    authorizationEndpoint: `${base}/authorize`,
    tokenEndpoint: `${base}/token`,
    clientCredentials: true,
    revocationEndpoint: `${base}/revoke`,
    jwksUri: `${base}/keys`,
    scope: ['openid', 'profile', 'email', 'offline_access'],
    userinfo: { endpoint: `${base}/userinfo`, fields: openidUserFields },
    resourceOrigins: [origin],
  } as const
  return defineProvider(rest.id ?? ('okta' as Id), data, rest) // without an id, Id is its default
}

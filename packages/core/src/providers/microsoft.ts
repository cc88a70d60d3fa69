import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions, invalidPresetOption } from './preset-options.ts'
import { pathPartOf } from './url-options.ts'

/** Options of {@link microsoft}. */
export interface MicrosoftOptions<Id extends string> extends ProviderOptions<Id> {
  /** The tenant's id or domain: whose accounts may sign in. The issuer is per tenant, so `common` and the like do not do. */
  readonly tenant: string
}

/**
 * Microsoft Entra, one tenant. Asks for `offline_access`, so that there is a refresh token; there is no revocation. An e-mail
 * is no proof of ownership there, so none is called verified. Facts from other libraries' sources (medium confidence).
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function microsoft<const Id extends string = 'microsoft'>(
  options: MicrosoftOptions<Id>,
): ProviderPreset<Id> {
  const { tenant, ...rest } = options ?? {}
  checkPresetOptions('microsoft', rest, {})
  const part = pathPartOf('microsoft', 'tenant', tenant, '<the directory (tenant) id>')
  if (['common', 'organizations', 'consumers'].includes(part.toLowerCase()))
    throw invalidPresetOption(
      'microsoft',
      'tenant',
      'must be one tenant: ID tokens name the issuer of theirs.',
    )
  const base = `https://login.microsoftonline.com/${part}`
  const data = {
    name: 'Microsoft',
    issuer: `${base}/v2.0`,
    clientCredentials: true,
    scope: ['openid', 'profile', 'email', 'offline_access', 'User.Read'],
    userinfo: {
      fields: {
        id: 'sub',
        ids: { oid: 'oid', tid: 'tid' },
        name: 'name',
        email: ['email', 'preferred_username'],
      },
    },
    resourceOrigins: ['https://graph.microsoft.com'],
  }
  return defineProvider(rest.id ?? ('microsoft' as Id), data, rest) // without an id, Id is its default
}

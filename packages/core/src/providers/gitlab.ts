import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'
import { httpsUrlOf } from './url-options.ts'

/** Options of {@link gitlab}. */
export interface GitLabOptions<Id extends string> extends ProviderOptions<Id> {
  /** @default 'https://gitlab.com' */
  readonly baseUrl?: string
}

/**
 * GitLab, also your own. Tokens live 2 hours; refresh tokens rotate. Facts from GitLab's documentation (high confidence) and
 * other libraries.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export function gitlab<const Id extends string = 'gitlab'>(
  options: GitLabOptions<Id> = {},
): ProviderPreset<Id> {
  const { baseUrl = 'https://gitlab.com', ...rest } = options ?? {}
  checkPresetOptions('gitlab', rest, {})
  const base = httpsUrlOf('gitlab', 'baseUrl', baseUrl, 'https://gitlab.example.com')
  const data = {
    name: 'GitLab',
    authorizationEndpoint: `${base}/oauth/authorize`,
    tokenEndpoint: `${base}/oauth/token`,
    revocationEndpoint: `${base}/oauth/revoke`,
    deviceAuthorizationEndpoint: `${base}/oauth/authorize_device`,
    clientAuth: { method: 'client_secret_post' },
    scope: ['read_user'],
    userinfo: {
      endpoint: `${base}/api/v4/user`,
      fields: {
        id: 'id',
        ids: { username: 'username' },
        name: ['name', 'username'],
        email: 'email',
        picture: 'avatar_url',
      },
    },
    resourceOrigins: [new URL(base).origin],
  } as const
  return defineProvider(rest.id ?? ('gitlab' as Id), data, rest) // without an id, Id is its default
}

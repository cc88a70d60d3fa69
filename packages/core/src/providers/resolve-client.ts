import { LatchkeyError } from '../errors.ts'
import { credentialVariables } from '../protocol/credential-variables.ts'
import type { ClientAuth, Provider, ProviderPreset } from '../protocol/provider.ts'
import { validateProvider } from './validate-provider.ts'

/** Environment variables: `process.env`, or a part of it. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The provider with its client id and secret, from the options or else the environment.
 *
 * @throws {LatchkeyError} `invalid_options` naming both the option and the variable that are missing.
 */
export function resolveClient<Id extends string>(
  provider: ProviderPreset<Id>,
  env: Environment,
): Provider<Id> {
  const variables = credentialVariables(provider.id)
  const clientId = provider.clientId || env[variables.clientId]
  const clientSecret = provider.clientSecret || env[variables.clientSecret]
  if (!clientId) throw missing(provider.id, 'clientId', variables.clientId)
  const methods = [provider.clientAuth, provider.revocationClientAuth]
  if (!clientSecret && methods.some(needsSecret)) {
    throw missing(provider.id, 'clientSecret', variables.clientSecret)
  }
  const resolved = { ...provider, clientId, ...(clientSecret ? { clientSecret } : {}) }
  validateProvider(resolved)
  return Object.freeze(resolved)
}

function needsSecret(auth: ClientAuth | undefined): boolean {
  if (auth === undefined || auth.method === 'none' || auth.method === 'private_key_jwt') return false
  return auth.clientSecret === undefined
}

function missing(provider: string, option: string, variable: string): LatchkeyError {
  return new LatchkeyError(
    'invalid_options',
    `${provider}: ${option} is missing. Pass the option ${option}, or set the environment variable ${variable}.`,
    { provider, reason: option },
  )
}

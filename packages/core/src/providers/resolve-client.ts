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
  const methods = [provider.clientAuth, provider.revocationClientAuth]
  const missing = [
    ...(clientId ? [] : (['clientId'] as const)),
    ...(clientSecret || !methods.some(needsSecret) ? [] : (['clientSecret'] as const)),
  ]
  if (!clientId || missing.length > 0) throw missingCredentials(provider.id, missing)
  const resolved = { ...provider, clientId, ...(clientSecret ? { clientSecret } : {}) }
  validateProvider(resolved)
  return Object.freeze(resolved)
}

function needsSecret(auth: ClientAuth | undefined): boolean {
  if (auth === undefined || auth.method === 'none' || auth.method === 'private_key_jwt') return false
  return auth.clientSecret === undefined
}

function missingCredentials(
  provider: string,
  options: readonly (keyof ReturnType<typeof credentialVariables>)[],
): LatchkeyError {
  const variables = credentialVariables(provider)
  const isOne = options.length === 1
  const names = options.join(' and ')
  const set = options.map((option) => variables[option]).join(' and ')
  const message = isOne
    ? `${provider}: ${names} is missing. Pass the option ${names}, or set the environment variable ${set}.`
    : `${provider}: ${names} are missing. Pass the options, or set the environment variables ${set}.`
  const [reason = ''] = options
  return new LatchkeyError('invalid_options', message, { provider, reason })
}

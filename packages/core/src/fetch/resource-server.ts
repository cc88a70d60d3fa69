import type { Provider } from '../protocol/provider.ts'
import { AllowedOrigins } from './allowed-origins.ts'
import { Credentials } from './credentials.ts'

/** A provider's API: where its tokens may go, and how they are sent. */
export interface ResourceServer {
  readonly origins: AllowedOrigins
  readonly credentials: Credentials
}

const known = new WeakMap<Provider, ResourceServer>()

/** The API of a provider; worked out once per provider. */
export function resourceServerOf(provider: Provider): ResourceServer {
  const found = known.get(provider)
  if (found !== undefined) return found
  const { id, resourceOrigins } = provider
  const made = { origins: new AllowedOrigins(id, resourceOrigins), credentials: new Credentials(provider) }
  known.set(provider, made)
  return made
}

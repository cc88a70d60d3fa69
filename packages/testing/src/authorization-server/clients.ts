import type { SecretMarks } from '../secret-marks.ts'
import type { RegisteredClient } from './client.ts'
import type { Policy } from './policy.ts'

/**
 * The clients of a server and their secrets, which are registered with the marks. With `policy.acceptsAnyClient` a
 * client that nobody registered is registered on first sight, and the secret that it shows first is its secret.
 */
export class Clients {
  readonly #clients = new Map<string, RegisteredClient>()
  /** Registered on sight, and not seen with a secret yet. */
  readonly #withoutProof = new Set<string>()
  readonly #policy: Policy
  readonly #marks: SecretMarks

  /** Starts with the registered ones. */
  constructor(registered: readonly RegisteredClient[], policy: Policy, marks: SecretMarks) {
    this.#policy = policy
    this.#marks = marks
    for (const client of registered) this.#put(client)
  }

  /** The client with this id. */
  get(clientId: string): RegisteredClient | undefined {
    const known = this.#clients.get(clientId)
    if (known !== undefined || clientId === '' || !this.#policy.acceptsAnyClient) return known
    this.#withoutProof.add(clientId)
    return this.#put({ clientId, redirectUris: [] })
  }

  /** The client with this id, if the secret is its own. */
  withSecret(clientId: string, clientSecret: string): RegisteredClient | undefined {
    const client = this.get(clientId)
    if (client === undefined || clientSecret === '') return undefined
    if (this.#withoutProof.delete(clientId)) return this.#put({ ...client, clientSecret })
    return client.clientSecret === clientSecret ? client : undefined
  }

  /** Gives a client another secret; `undefined` takes it away. @throws Error for an unknown client */
  setSecret(clientId: string, clientSecret: string | undefined): void {
    const client = this.get(clientId)
    if (client === undefined) throw new Error(`There is no client ${clientId}`)
    const { clientSecret: _, ...rest } = client
    this.#withoutProof.delete(clientId)
    this.#put(clientSecret === undefined ? rest : { ...rest, clientSecret })
  }

  /** Registers one more redirect URI, of one client or of all. */
  addRedirectUri(redirectUri: string, clientId: string | undefined): void {
    for (const client of this.#clients.values()) {
      if (clientId !== undefined && clientId !== client.clientId) continue
      this.#put({ ...client, redirectUris: [...client.redirectUris, redirectUri] })
    }
  }

  #put(client: RegisteredClient): RegisteredClient {
    const known = this.#clients.get(client.clientId)
    this.#clients.set(client.clientId, client)
    if (client.clientSecret !== undefined && client.clientSecret !== known?.clientSecret) {
      this.#marks.add('client_secret', client.clientSecret)
    }
    return client
  }
}

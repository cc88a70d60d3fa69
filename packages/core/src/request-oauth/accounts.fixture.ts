import { LatchkeyError } from '../errors.ts'
import type { Provider } from '../protocol/provider.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import { oauth2 } from '../providers/index.ts'
import type { SessionAccount } from '../session/record.ts'
import { Agent } from '../transport/undici.ts'
import type { Grant, GrantHandle, TokenSource } from '../vault/grant.ts'
import type { AccountParts, AccountPointer } from './account.ts'

export const now = 1_800_000_000

/** Which providers are configured. */
export interface AccountsFixtureOptions {
  readonly resolvesMore?: boolean
  /** False: all of them are only known when asked for. */
  readonly areListed?: boolean
}

/** What accounts work with, scripted: a token says whose it is, and a disconnect is noted. */
export class AccountsFixture {
  readonly clients: readonly TokenSource[]
  readonly disconnected: string[] = []
  /** Every handle that a token was asked for, or a grant. */
  readonly asked: GrantHandle[] = []
  grant: Grant | undefined
  /** Called for each look at a provider. */
  beforeFind: (id: string) => void = () => {}
  readonly parts: AccountParts

  /** Provider `a` and `b`, of which each has an API of its own and `shared` belongs to both. */
  constructor({ resolvesMore = false, areListed = true }: AccountsFixtureOptions = {}) {
    this.clients = ['a', 'b'].map(clientOf)
    this.parts = {
      vault: {
        fresh: async (handle) => {
          this.asked.push(handle)
          const { account } = handle
          return { accessToken: `token-of-${account.id}`, tokenType: 'Bearer', receivedAt: now, scope: [] }
        },
        read: async (handle) => {
          this.asked.push(handle as GrantHandle) // accounts hand over the whole of it
          return this.grant
        },
      },
      clients: {
        listed: areListed ? this.clients : [],
        resolvesMore,
        find: async (id) => {
          this.beforeFind(id)
          return this.clients.find(({ provider }) => provider.id === id)
        },
      },
      dispatcher: new Agent(),
      disconnect: async (userId, { provider, id }) => {
        this.disconnected.push(`${userId} ${provider}:${id}`)
      },
    }
  }
}

/** Pointers to `<provider>:<id>` accounts of one session. */
export function pointersTo(...names: readonly string[]): readonly AccountPointer[] {
  return names.map((name) => ({ account: accountNamed(name), locator: 'locator', userId: 'the user' }))
}

function accountNamed(name: string): SessionAccount {
  const [provider = '', id = ''] = name.split(':')
  const subject = subjectKey(clientOf(provider), id)
  const membership = { id: 'locator.random', joinedAt: now }
  return { provider, id, subject, owner: 'session', grantId: `grant of ${id}`, membership }
}

function clientOf(id: string): TokenSource {
  const preset = oauth2({
    id,
    authorizationEndpoint: 'https://as.example/authorize',
    tokenEndpoint: 'https://as.example/token',
    resourceOrigins: [`https://${id}.example`, 'https://shared.example'],
  })
  const provider: Provider = { ...preset, clientId: 'client-1', clientSecret: 'client-secret-1' }
  return {
    provider,
    identity: () => id,
    canRefresh: () => true,
    refresh: () => Promise.reject(new Error('not scripted')),
    revoke: async () => true,
  }
}

/** What `requireSomebody` throws when nobody is signed in. */
export function signedOut(): never {
  throw new LatchkeyError('login_required', 'Nobody is signed in.', { reason: 'signed_out' })
}

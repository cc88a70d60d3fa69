import { Sealer } from '../crypto/seal.ts'
import { Events } from '../events.ts'
import { Flows } from '../flows/routes.ts'
import type { OnLogin } from '../flows/settings.ts'
import { type Logger, steadyLogger } from '../log.ts'
import type { Settings } from '../options.ts'
import { ProtocolClient } from '../protocol/protocol-client.ts'
import { KeptAccounts } from '../session/kept-accounts.ts'
import { Sessions } from '../session/sessions.ts'
import { guardedStore } from '../store/guarded-store.ts'
import { notingChanges, SlotChanges } from '../store/slot-changes.ts'
import type { Store } from '../store/store.ts'
import { Transport } from '../transport/transport.ts'
import { Vault } from '../vault/vault.ts'
import { EarlyGrants } from './early-grants.ts'
import { ProviderClients } from './provider-clients.ts'

/** Everything that one `latchkey()` is made of. */
export interface Parts {
  readonly log: Logger
  readonly events: Events
  readonly store: Store
  readonly transport: Transport
  readonly clients: ProviderClients
  readonly vault: Vault
  readonly sessions: Sessions
  readonly kept: KeptAccounts
  readonly flows: Flows
  readonly earlyGrants: EarlyGrants
}

/** Puts the parts together. @param onLogin see {@link OnLogin}; absent when the app has none. */
export function partsOf(settings: Settings, onLogin: OnLogin | undefined): Parts {
  const { clock, baseUrls, routes, trustedOrigins } = settings
  const log = steadyLogger(settings.log)
  const changes = new SlotChanges()
  const store = notingChanges(guardedStore(settings.store, clock, log), changes)
  const sealer = new Sealer(settings.secrets)
  const events = new Events(log)
  const transport = new Transport({ dispatcher: settings.dispatcher, clock })
  const clients = new ProviderClients({
    providers: settings.providers,
    resolve: settings.resolveProvider,
    makeClient: (provider) => new ProtocolClient(provider, { transport, clock, log }),
    clock,
    log,
  })
  const vault = new Vault({ store, sealer, clock, events, log })
  const sessions = new Sessions({ store, sealer, clock, log, settings: settings.sessions })
  const { cookie, absoluteSeconds } = settings.sessions
  const kept = new KeptAccounts({ store: store.users, sealer, log, absoluteSeconds })
  const providers = {
    listed: clients.listed,
    resolvesMore: clients.resolvesMore,
    find: (id: string) => clients.findForSignIn(id),
  }
  const flowSettings = { baseUrls, routes, trustedOrigins, cookie, providers, onLogin }
  const flows = new Flows({
    settings: flowSettings,
    sessions,
    store,
    vault,
    kept,
    sealer,
    clock,
    events,
    log,
  })
  const earlyGrants = new EarlyGrants(clients, { grants: store.grants, changes, now: () => clock.now() })
  return { log, events, store, transport, clients, vault, sessions, kept, flows, earlyGrants }
}

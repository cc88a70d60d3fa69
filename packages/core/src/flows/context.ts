import type { Clock } from '../clock.ts'
import type { Sealer } from '../crypto/seal.ts'
import type { Events } from '../events.ts'
import type { Logger } from '../log.ts'
import type { KeptAccounts } from '../session/kept-accounts.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Transactions } from '../session/transaction.ts'
import type { Store } from '../store/store.ts'
import type { Vault } from '../vault/vault.ts'
import type { BackgroundWork } from './background-work.ts'
import type { Revocations } from './revocations.ts'
import type { FlowSettings } from './settings.ts'

/** What the flows are made of. */
export interface FlowParts {
  readonly settings: FlowSettings
  readonly sessions: Sessions
  /** Guarded: every failure of it is `store_unavailable`. */
  readonly store: Pick<Store, 'usedMarkers' | 'grants' | 'subjects'>
  readonly vault: Pick<Vault, 'seal' | 'open' | 'read' | 'fresh' | 'subjectGrants'>
  readonly kept: KeptAccounts
  readonly sealer: Sealer
  readonly clock: Clock
  readonly events: Events
  readonly log: Logger
}

/** {@link FlowParts} with what the flows make of them once. */
export interface FlowContext extends FlowParts {
  readonly transactions: Transactions
  readonly background: BackgroundWork
  readonly revocations: Revocations
}

import type { GrantRef } from '@latchkey/core'
import type { OwnAccount } from '@latchkey/core/terminal'
import type { DiskStore } from '../disk/disk-store.ts'

/** Where the tokens of one account are stored, and what they are stored for. */
export interface StoragePlace {
  readonly own: OwnAccount
  readonly store: DiskStore
  readonly ref: GrantRef
  readonly profile: string
  readonly audience: string | undefined
}

import {
  type Attempt,
  type GrantObservation,
  type GrantRef,
  type GrantStore,
  LatchkeyError,
  type LeaseStore,
  type VersionedRecord,
} from '@latchkey/core'
import type { AccountFile } from './account-file.ts'
import { thisProcess } from './process-id.ts'

/** What of an account a change leaves, removes or puts there. */
export type Change<Result> = (file: AccountFile) => { readonly result: Result; readonly next?: AccountFile }

/** The files of the accounts, each changed by one process at a time. */
export interface AccountFiles {
  read(ref: GrantRef): Promise<AccountFile>
  change<Result>(ref: GrantRef, change: Change<Result>): Promise<Result>
  /** Removes the corrupt files of an account that were put aside. */
  removeAside(ref: GrantRef): Promise<void>
  /** Epoch seconds. */
  now(): number
}

/** The tokens in the files. */
export class DiskGrants implements GrantStore {
  readonly #files: AccountFiles
  readonly #userId: string | undefined

  /** @param userId whose they must be, where that is known. */
  constructor(files: AccountFiles, userId?: string) {
    this.#files = files
    this.#userId = userId
  }

  async read(ref: GrantRef, renewTtlSeconds?: number): Promise<VersionedRecord | undefined> {
    if (renewTtlSeconds === undefined) return recordOf(this.#ours(await this.#files.read(ref)))
    return this.#change(ref, (file) => {
      const { grant } = file
      if (grant === undefined) return { result: undefined }
      const expiresAt = this.#files.now() + renewTtlSeconds
      return { result: recordOf(file), next: { ...file, grant: { ...grant, expiresAt } } }
    })
  }

  create(ref: GrantRef, record: VersionedRecord, ttlSeconds: number): Promise<VersionedRecord> {
    return this.#change(ref, (file) => {
      const standing = recordOf(file)
      if (standing !== undefined) return { result: standing }
      const expiresAt = this.#files.now() + ttlSeconds
      return { result: record, next: { ...file, grant: { ...record, expiresAt } } }
    })
  }

  async observe(ref: GrantRef): Promise<GrantObservation> {
    const file = this.#ours(await this.#files.read(ref))
    return { record: recordOf(file), attempt: file.attempt?.attempt, leaseOwner: file.lease?.owner }
  }

  commit(
    ref: GrantRef,
    expectedVersion: string,
    record: VersionedRecord,
  ): Promise<'committed' | 'moved' | 'gone'> {
    return this.#change(ref, (file) => {
      const { grant } = file
      if (grant === undefined) return { result: 'gone' }
      if (grant.version === record.version) return { result: 'committed' }
      if (grant.version !== expectedVersion) return { result: 'moved' }
      const { expiresAt } = grant
      return { result: 'committed', next: { ...file, grant: { ...record, expiresAt } } }
    })
  }

  async delete(ref: GrantRef, expectedVersion: string): Promise<'deleted' | 'moved'> {
    // First, because the account still stands where this fails.
    await this.#files.removeAside(ref)
    return this.#change(ref, ({ grant }) =>
      grant === undefined || grant.version === expectedVersion
        ? { result: 'deleted', next: {} }
        : { result: 'moved' },
    )
  }

  #change<Result>(ref: GrantRef, change: Change<Result>): Promise<Result> {
    return this.#files.change(ref, (file) => change(this.#ours(file)))
  }

  #ours(file: AccountFile): AccountFile {
    const { provider, user } = file.about ?? {}
    if (this.#userId === undefined || user === undefined || user.id === this.#userId) return file
    const message = 'Somebody else has signed in to this profile meanwhile.'
    throw new LatchkeyError('account_mismatch', message, { ...(provider !== undefined && { provider }) })
  }
}

/** The leases in the files. One ends with its time, or with the process that holds it. */
export class DiskLeases implements LeaseStore {
  readonly #files: AccountFiles

  constructor(files: AccountFiles) {
    this.#files = files
  }

  take(ref: GrantRef, owner: string, ttlSeconds: number): Promise<boolean> {
    return this.#files.change(ref, (file) => {
      if (file.lease !== undefined) return { result: file.lease.owner === owner }
      return { result: true, next: { ...file, lease: this.#lease(owner, ttlSeconds) } }
    })
  }

  extend(ref: GrantRef, owner: string, ttlSeconds: number): Promise<boolean> {
    return this.#files.change(ref, (file) =>
      file.lease?.owner === owner
        ? { result: true, next: { ...file, lease: this.#lease(owner, ttlSeconds) } }
        : { result: false },
    )
  }

  async release(ref: GrantRef, owner: string): Promise<void> {
    await this.#files.change(ref, (file) => {
      const { lease, ...rest } = file
      return lease?.owner === owner ? { result: undefined, next: rest } : { result: undefined }
    })
  }

  async owner(ref: GrantRef): Promise<string | undefined> {
    return (await this.#files.read(ref)).lease?.owner
  }

  writeAttempt(ref: GrantRef, attempt: Attempt, ttlSeconds: number): Promise<boolean> {
    return this.#files.change(ref, (file) => {
      if (file.lease?.owner !== attempt.owner) return { result: false }
      const expiresAt = this.#files.now() + ttlSeconds
      return { result: true, next: { ...file, attempt: { attempt, expiresAt } } }
    })
  }

  #lease(owner: string, ttlSeconds: number): NonNullable<AccountFile['lease']> {
    return { owner, process: thisProcess, expiresAt: this.#files.now() + ttlSeconds }
  }
}

function recordOf({ grant }: AccountFile): VersionedRecord | undefined {
  return grant && { version: grant.version, sealed: grant.sealed }
}

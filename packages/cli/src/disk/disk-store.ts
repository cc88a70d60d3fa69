import { rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type Attempt,
  type Clock,
  consoleLogger,
  type GrantObservation,
  type GrantRef,
  type GrantStore,
  type LeaseStore,
  type Logger,
  systemClock,
  type VersionedRecord,
} from '@latchkey/core'
import { steadyLogger } from '@latchkey/core/terminal'
import envPaths from 'env-paths'
import { type AccountAbout, type AccountFile, accountFileIn, fileText } from './account-file.ts'
import { FileMutex } from './file-mutex.ts'
import { namesIn, safeName } from './file-names.ts'
import {
  diskError,
  ensureOwnFolder,
  readOwnFile,
  removeDrafts,
  removeOwnFile,
  replaceOwnFile,
  systemError,
} from './own-files.ts'
import { isSurelyGone, thisProcess } from './process-id.ts'

/** Options of {@link diskStore}. */
export interface DiskStoreOptions {
  /** @default `latchkey` in the config folder of the platform: `$XDG_CONFIG_HOME`, `~/Library/Preferences`, `%APPDATA%` */
  readonly folder?: string | undefined
  readonly clock?: Clock | undefined
  /** pino-like. @default warnings and errors on the console */
  readonly logger?: Logger | undefined
}

/** An account that lies in the store. */
export interface StoredAccount {
  readonly ref: GrantRef
  readonly about: AccountAbout
}

/** What of an account a change leaves, removes or puts there. */
type Change<Result> = (file: AccountFile) => { readonly result: Result; readonly next?: AccountFile }

/**
 * One person's accounts in a folder of their own, one file each, for all of their programs at once.
 * The folder is made when something is stored.
 */
export function diskStore(options: DiskStoreOptions = {}): DiskStore {
  return new DiskStore(options)
}

/** See {@link diskStore}. Every change of a file is made by one process at a time, whole or not at all. */
export class DiskStore {
  readonly folder: string
  readonly grants: GrantStore
  readonly leases: LeaseStore
  readonly #clock: Clock
  readonly #log: Logger
  readonly #mutexes = new Map<string, FileMutex>()

  constructor({ folder, clock = systemClock, logger = consoleLogger }: DiskStoreOptions) {
    // An empty variable is one that is not set.
    this.folder = folder || envPaths('latchkey', { suffix: '' }).config
    this.#clock = clock
    this.#log = steadyLogger(logger)
    this.grants = new DiskGrants(this)
    this.leases = new DiskLeases(this)
  }

  /** What is stored of an account, expired parts left out. A corrupt file is put aside, and counts as none. */
  async read(ref: GrantRef): Promise<AccountFile> {
    const path = this.#pathOf(ref)
    const file = await this.#fileAt(path)
    if (file !== 'corrupt') return file
    return this.#mutexOf(path).run(() => this.#readable(path))
  }

  /** Changes an account: reads, decides and writes while no other process does. */
  async change<Result>(ref: GrantRef, change: Change<Result>): Promise<Result> {
    const path = this.#pathOf(ref)
    await ensureOwnFolder(this.folder)
    await ensureOwnFolder(dirname(path))
    return this.#mutexOf(path).run(async () => {
      await removeDrafts(path)
      const { result, next } = change(await this.#readable(path))
      if (next === undefined) return result
      if (Object.values(next).every((part) => part === undefined)) await removeOwnFile(path)
      else await replaceOwnFile(path, fileText(next))
      return result
    })
  }

  /**
   * Finds out whether an account could be stored: its folder is made, and locked for a moment.
   * @throws {LatchkeyError} `store_unavailable`: the message says what to mend.
   */
  async requireRoomFor(ref: GrantRef): Promise<void> {
    await this.change(ref, () => ({ result: undefined }))
  }

  /** Stores a new authorization over whatever was there. */
  async put(ref: GrantRef, record: VersionedRecord, ttlSeconds: number, about: AccountAbout): Promise<void> {
    const expiresAt = this.#clock.now() + ttlSeconds
    await this.change(ref, ({ lease }) => ({
      result: undefined,
      // Whoever holds the lease finds another version, and adopts it.
      next: { about, grant: { ...record, expiresAt }, ...(lease && { lease }) },
    }))
  }

  /** Every account that is stored, by provider and profile. */
  async accounts(): Promise<readonly StoredAccount[]> {
    const found: StoredAccount[] = []
    for (const slot of await namesIn(this.folder)) {
      for (const name of await namesIn(join(this.folder, slot))) {
        if (!name.endsWith('.json')) continue
        const ref = { slot, id: name.slice(0, -'.json'.length) }
        const { about, grant } = await this.read(ref)
        if (about !== undefined && grant !== undefined) found.push({ ref, about })
      }
    }
    return found.sort((one, other) => sortKey(one).localeCompare(sortKey(other)))
  }

  /** Epoch seconds. */
  now(): number {
    return this.#clock.now()
  }

  #living({ about, grant, attempt, lease }: AccountFile): AccountFile {
    const now = this.#clock.now()
    const lives = (part: { readonly expiresAt: number } | undefined): boolean =>
      part !== undefined && part.expiresAt > now
    return {
      ...(about && lives(grant) && { about }),
      ...(grant && lives(grant) && { grant }),
      ...(attempt && lives(attempt) && { attempt }),
      ...(lease && lives(lease) && !isSurelyGone(lease.process) && { lease }),
    }
  }

  async #fileAt(path: string): Promise<AccountFile | 'corrupt'> {
    const text = await readOwnFile(path)
    if (text === undefined) return {}
    const file = accountFileIn(text)
    if (file === 'newer')
      throw diskError(`${path} was written by a newer version: update this program.`, 'newer')
    return file === 'corrupt' ? file : this.#living(file)
  }

  /** For the one process that may change the file now: moves a corrupt one out of the way. */
  async #readable(path: string): Promise<AccountFile> {
    const file = await this.#fileAt(path)
    if (file !== 'corrupt') return file
    const aside = `${path}.corrupt-${Math.floor(this.#clock.now())}`
    await rename(path, aside).catch((error: unknown) => {
      throw systemError(`${path} is corrupt, and cannot be put aside`, error, 'write')
    })
    this.#log.warn(
      { event: 'disk.corrupt' },
      `${path} could not be read and was put aside as ${aside}. Sign in again.`,
    )
    return {}
  }

  #mutexOf(path: string): FileMutex {
    const known = this.#mutexes.get(path)
    if (known !== undefined) return known
    const made = new FileMutex(path)
    this.#mutexes.set(path, made)
    return made
  }

  #pathOf({ slot, id }: GrantRef): string {
    return join(this.folder, safeName(slot), `${safeName(id)}.json`)
  }
}

class DiskGrants implements GrantStore {
  readonly #store: DiskStore

  constructor(store: DiskStore) {
    this.#store = store
  }

  async read(ref: GrantRef, renewTtlSeconds?: number): Promise<VersionedRecord | undefined> {
    if (renewTtlSeconds === undefined) return recordOf(await this.#store.read(ref))
    return this.#store.change(ref, (file) => {
      const { grant } = file
      if (grant === undefined) return { result: undefined }
      const expiresAt = this.#store.now() + renewTtlSeconds
      return { result: recordOf(file), next: { ...file, grant: { ...grant, expiresAt } } }
    })
  }

  create(ref: GrantRef, record: VersionedRecord, ttlSeconds: number): Promise<VersionedRecord> {
    return this.#store.change(ref, (file) => {
      const standing = recordOf(file)
      if (standing !== undefined) return { result: standing }
      const expiresAt = this.#store.now() + ttlSeconds
      return { result: record, next: { ...file, grant: { ...record, expiresAt } } }
    })
  }

  async observe(ref: GrantRef): Promise<GrantObservation> {
    const file = await this.#store.read(ref)
    return { record: recordOf(file), attempt: file.attempt?.attempt, leaseOwner: file.lease?.owner }
  }

  commit(
    ref: GrantRef,
    expectedVersion: string,
    record: VersionedRecord,
  ): Promise<'committed' | 'moved' | 'gone'> {
    return this.#store.change(ref, (file) => {
      const { grant } = file
      if (grant === undefined) return { result: 'gone' }
      if (grant.version === record.version) return { result: 'committed' }
      if (grant.version !== expectedVersion) return { result: 'moved' }
      const { expiresAt } = grant
      return { result: 'committed', next: { ...file, grant: { ...record, expiresAt } } }
    })
  }

  delete(ref: GrantRef, expectedVersion: string): Promise<'deleted' | 'moved'> {
    return this.#store.change(ref, ({ grant }) =>
      grant === undefined || grant.version === expectedVersion
        ? { result: 'deleted', next: {} }
        : { result: 'moved' },
    )
  }
}

/** A lease ends with its time, or with the process that holds it. */
class DiskLeases implements LeaseStore {
  readonly #store: DiskStore

  constructor(store: DiskStore) {
    this.#store = store
  }

  take(ref: GrantRef, owner: string, ttlSeconds: number): Promise<boolean> {
    return this.#store.change(ref, (file) => {
      if (file.lease !== undefined) return { result: file.lease.owner === owner }
      return { result: true, next: { ...file, lease: this.#lease(owner, ttlSeconds) } }
    })
  }

  extend(ref: GrantRef, owner: string, ttlSeconds: number): Promise<boolean> {
    return this.#store.change(ref, (file) =>
      file.lease?.owner === owner
        ? { result: true, next: { ...file, lease: this.#lease(owner, ttlSeconds) } }
        : { result: false },
    )
  }

  async release(ref: GrantRef, owner: string): Promise<void> {
    await this.#store.change(ref, (file) => {
      const { lease, ...rest } = file
      return lease?.owner === owner ? { result: undefined, next: rest } : { result: undefined }
    })
  }

  async owner(ref: GrantRef): Promise<string | undefined> {
    return (await this.#store.read(ref)).lease?.owner
  }

  writeAttempt(ref: GrantRef, attempt: Attempt, ttlSeconds: number): Promise<boolean> {
    return this.#store.change(ref, (file) => {
      if (file.lease?.owner !== attempt.owner) return { result: false }
      const expiresAt = this.#store.now() + ttlSeconds
      return { result: true, next: { ...file, attempt: { attempt, expiresAt } } }
    })
  }

  #lease(owner: string, ttlSeconds: number): NonNullable<AccountFile['lease']> {
    return { owner, process: thisProcess, expiresAt: this.#store.now() + ttlSeconds }
  }
}

function recordOf({ grant }: AccountFile): VersionedRecord | undefined {
  return grant && { version: grant.version, sealed: grant.sealed }
}

function sortKey({ about: { provider, profile, clientId } }: StoredAccount): string {
  return `${provider} ${profile} ${clientId}`
}

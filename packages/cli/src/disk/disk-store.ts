import { rename } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  type Clock,
  consoleLogger,
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
import { diskError, systemError } from './disk-errors.ts'
import { type AccountFiles, type Change, DiskGrants, DiskLeases } from './disk-grants.ts'
import { FileMutex } from './file-mutex.ts'
import { accountRef, safeName } from './file-names.ts'
import {
  asideOf,
  readOwnFile,
  removeAside,
  removeDrafts,
  removeOwnFile,
  replaceOwnFile,
  requireRoomFor,
} from './own-files.ts'
import { ensureOwnFolder, hasOwnFolder, namesIn } from './own-folders.ts'
import { isSurelyGone } from './process-id.ts'

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

/**
 * One person's accounts in a folder of their own, one file each, for all of their programs at once.
 * The folder is made when something is stored.
 */
export function diskStore(options: DiskStoreOptions = {}): DiskStore {
  return new DiskStore(options)
}

/** See {@link diskStore}. Every change of a file is made by one process at a time, whole or not at all. */
export class DiskStore implements AccountFiles {
  readonly folder: string
  readonly grants: GrantStore
  readonly leases: LeaseStore
  readonly #clock: Clock
  readonly #log: Logger
  readonly #mutexes = new Map<string, FileMutex>()

  constructor({ folder, clock = systemClock, logger = consoleLogger }: DiskStoreOptions) {
    // An empty variable is one that is not set.
    this.folder = resolve(folder || envPaths('latchkey', { suffix: '' }).config)
    this.#clock = clock
    this.#log = steadyLogger(logger)
    this.grants = new DiskGrants(this)
    this.leases = new DiskLeases(this)
  }

  /** What is stored of an account, expired parts left out. A corrupt file is put aside, and counts as none. */
  async read(ref: GrantRef): Promise<AccountFile> {
    const path = this.#pathOf(ref)
    if (!(await hasOwnFolder(this.folder)) || !(await hasOwnFolder(dirname(path)))) return {}
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
   * Finds out whether an account could be stored: its folder is made and locked for a moment, and has room.
   * @throws {LatchkeyError} `store_unavailable`: the message says what to mend.
   */
  async requireRoomFor(ref: GrantRef): Promise<void> {
    await this.change(ref, () => ({ result: undefined }))
    await requireRoomFor(this.#pathOf(ref))
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

  /** Every account that is stored, or those of one provider, by provider and profile. */
  async accounts(provider?: string): Promise<readonly StoredAccount[]> {
    if (!(await hasOwnFolder(this.folder))) return []
    const found: StoredAccount[] = []
    const slots = provider === undefined ? await namesIn(this.folder) : [safeName(provider)]
    for (const slot of slots) {
      for (const name of await namesIn(join(this.folder, slot))) {
        if (!name.endsWith('.json')) continue
        const ref = { slot, id: name.slice(0, -'.json'.length) }
        const { about, grant } = await this.read(ref)
        if (about !== undefined && grant !== undefined) found.push({ ref, about })
      }
    }
    return found.sort((one, other) => sortKey(one).localeCompare(sortKey(other)))
  }

  /** Removes the corrupt files of an account that were put aside. */
  async removeAside(ref: GrantRef): Promise<void> {
    await removeAside(this.#pathOf(ref))
  }

  /** The tokens of one user alone: `account_mismatch` where somebody else's are stored. */
  grantsOf(userId: string | undefined): GrantStore {
    return new DiskGrants(this, userId)
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
    if (file === 'corrupt') return file
    if (file.about === undefined || this.#pathOf(accountRef(file.about)) === path) return this.#living(file)
    // Its refresh token would be spent twice.
    this.#log.warn({ event: 'disk.copy' }, `${path} is a copy of another account's file, and is not used.`)
    return {}
  }

  /** For the one process that may change the file now: moves a corrupt one out of the way. */
  async #readable(path: string): Promise<AccountFile> {
    const file = await this.#fileAt(path)
    if (file !== 'corrupt') return file
    const aside = asideOf(path, this.#clock.now())
    await rename(path, aside).catch((error: unknown) => {
      throw systemError(`${path} is corrupt, and cannot be put aside`, error, 'write')
    })
    this.#log.warn(
      { event: 'disk.corrupt' },
      `${path} could not be read and was put aside as ${aside}, which may hold tokens: delete it, or sign in and out again.`,
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

function sortKey({ about: { provider, profile, clientId } }: StoredAccount): string {
  return `${provider} ${profile} ${clientId}`
}

/** A sealed value, and the random version it is compared by. Compared only for equality. */
export interface VersionedRecord {
  readonly version: string
  readonly sealed: Uint8Array
}

/** Names one grant: its slot (a session's locator or a subject's key) and its id there. */
export interface GrantRef {
  readonly slot: string
  readonly id: string
}

/**
 * A grant record on its way into a slot. It lives as long as the session may at most, because a session in use need not
 * use its grants; when the session ends before that, nothing leads to the sealed record any more.
 */
export interface GrantWrite {
  readonly id: string
  readonly record: VersionedRecord
  readonly ttlSeconds: number
}

/** One change of a session's slot, all of it or nothing. */
export interface SessionWrite {
  /** The version that must stand there now; `undefined`: nothing may stand there. */
  readonly expectedVersion: string | undefined
  readonly record: VersionedRecord
  readonly ttlSeconds: number
  readonly putGrants: readonly GrantWrite[]
  readonly deleteGrants: readonly string[]
}

/** How a session's slot was changed. */
export type SessionWriteOutcome =
  /** `deletedGrants`: what stood there, in the order of the request; nothing when the same write had happened before. */
  | { readonly outcome: 'written'; readonly deletedGrants: readonly (VersionedRecord | undefined)[] }
  | { readonly outcome: 'moved' }

/** How the deletion of a session's slot went; `moved`: another version stands there, and nothing was deleted. */
export type SessionDeleteOutcome =
  | { readonly outcome: 'deleted'; readonly deletedGrants: readonly (VersionedRecord | undefined)[] }
  | { readonly outcome: 'moved' }

/** Sign-in session records. Every method is one step that touches one slot. */
export interface SessionStore {
  /** Reads the record and renews its time to live at once. */
  read(locator: string, idleTtlSeconds: number): Promise<VersionedRecord | undefined>
  /**
   * Writes record and grants when the expected version stands there; `moved` otherwise, also when the record is gone.
   * A repeated call whose record already stands there answers `written`: a lost answer may be asked for again.
   */
  write(locator: string, write: SessionWrite): Promise<SessionWriteOutcome>
  /**
   * Deletes the record when `expectedVersion` stands there or nothing does, and with it the named grants, their attempts
   * and their leases. The grants come back in the order of the ids.
   */
  delete(locator: string, expectedVersion: string, grantIds: readonly string[]): Promise<SessionDeleteOutcome>
}

/** How the last refresh of a grant went. Holds no secret, and never moves the grant's version. */
export interface Attempt {
  /** The grant's version that the refresh started from. */
  readonly version: string
  /** The lease owner that made it. */
  readonly owner: string
  /** Epoch seconds of the first send. */
  readonly startedAt: number
  /** How often the refresh token was sent for this version. */
  readonly sends: number
  /** Absent while the answer is outstanding. */
  readonly failure?: AttemptFailure
  /** Epoch seconds until which nobody sends again. */
  readonly coolDownUntil?: number
}

/** What the callers of a failed refresh are told, also in other processes. */
export interface AttemptFailure {
  readonly code: 'login_required' | 'as_unavailable' | 'as_misconfigured'
  readonly reason?: string
  readonly oauth?: { readonly error: string; readonly description?: string }
}

/** A grant with everything that a waiting caller looks at. */
export interface GrantObservation {
  readonly record: VersionedRecord | undefined
  readonly attempt: Attempt | undefined
  readonly leaseOwner: string | undefined
}

/** Grant records. */
export interface GrantStore {
  read(ref: GrantRef): Promise<VersionedRecord | undefined>
  /** Record, attempt and lease owner as of one moment. */
  observe(ref: GrantRef): Promise<GrantObservation>
  /**
   * Replaces the record when `expectedVersion` stands there. `moved`: another one stands there. `gone`: none does.
   * Repeating a call whose record already stands there answers `committed`. Keeps the key's time to live.
   */
  commit(
    ref: GrantRef,
    expectedVersion: string,
    record: VersionedRecord,
  ): Promise<'committed' | 'moved' | 'gone'>
  /** Deletes record, attempt and lease; returns the record that was there. */
  delete(ref: GrantRef): Promise<VersionedRecord | undefined>
}

/** Leases: who may refresh a grant. All by compare, none by blind delete. */
export interface LeaseStore {
  /** True when `owner` holds the lease afterwards. */
  take(ref: GrantRef, owner: string, ttlSeconds: number): Promise<boolean>
  /** False when `owner` no longer holds it. */
  extend(ref: GrantRef, owner: string, ttlSeconds: number): Promise<boolean>
  release(ref: GrantRef, owner: string): Promise<void>
  owner(ref: GrantRef): Promise<string | undefined>
  /** Writes the attempt while `attempt.owner` holds the lease; false when it does not. */
  writeAttempt(ref: GrantRef, attempt: Attempt, ttlSeconds: number): Promise<boolean>
}

/** Things that happen once. */
export interface UsedMarkerStore {
  /** Stores `value` unless one stands there. Returns the value that stands there afterwards. */
  take(key: string, value: string, ttlSeconds: number): Promise<string>
}

/** Which sessions a subject has, so that one of many can end without ending the authorization. */
export interface SubjectStore {
  /** Adds a session until `expiresAt` (epoch seconds). Answers the subject's not-before time and the store's own time. */
  join(
    subject: string,
    locator: string,
    expiresAt: number,
  ): Promise<{ readonly notBefore?: number; readonly now: number }>
  /** Removes a session and all expired ones; answers how many are left. */
  leave(subject: string, locator: string): Promise<number>
  /** How many sessions the subject has now. */
  count(subject: string): Promise<number>
}

/** The app's own session data (`req.session`), as text. */
export interface AppSessionStore {
  /** Reads the data and renews its time to live at once. */
  read(id: string, idleTtlSeconds: number): Promise<string | undefined>
  /** Does nothing for an id that was deleted less than ten minutes ago: a slow request revives no ended session. */
  write(id: string, value: string, ttlSeconds: number): Promise<void>
  delete(id: string): Promise<void>
}

/**
 * Everything Latchkey stores. A rejected promise means "unknown, may still have happened": callers answer
 * `store_unavailable` and delete nothing. Everything written has a time to live.
 */
export interface Store {
  readonly sessions: SessionStore
  readonly grants: GrantStore
  readonly leases: LeaseStore
  readonly usedMarkers: UsedMarkerStore
  readonly subjects: SubjectStore
  readonly appSessions: AppSessionStore
  /** True when the data outlives the process. */
  readonly durable: boolean
  /** Closes what this store opened. */
  close(): Promise<void>
}

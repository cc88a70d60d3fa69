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
  /** Absent: the record keeps the time to live that it has. */
  readonly ttlSeconds?: number
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
  /** Reads the record and renews nothing: for looks that are no visit of the user's. */
  peek(locator: string): Promise<VersionedRecord | undefined>
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
  /** Reads the record; with `renewTtlSeconds` its time to live becomes that at once. */
  read(ref: GrantRef, renewTtlSeconds?: number): Promise<VersionedRecord | undefined>
  /** Stores `record` unless one stands there. Returns the record that stands there afterwards. */
  create(ref: GrantRef, record: VersionedRecord, ttlSeconds: number): Promise<VersionedRecord>
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
  /**
   * Deletes record, attempt and lease when `expectedVersion` stands there or nothing does; `moved`: another version
   * stands there, and nothing was deleted.
   */
  delete(ref: GrantRef, expectedVersion: string): Promise<'deleted' | 'moved'>
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

/** A session's place in an index. */
export interface Member {
  /** The session's locator, a dot, and a random part that is another one at each sign-in of its browser. */
  readonly id: string
  /** Epoch seconds: the session's absolute expiry. */
  readonly expiresAt: number
}

/** What joining an index answers. */
export interface Joined {
  /** The store's own time, epoch seconds. */
  readonly now: number
}

/** A subject's own grant on its way into the subject's slot, together with the session that brought it. */
export interface Admission {
  /** Names the grant in the slot. */
  readonly grantId: string
  /** The version that must stand there now; `undefined`: nothing may stand there. */
  readonly expectedVersion: string | undefined
  readonly record: VersionedRecord
  /** The grant lives at least so long from now. */
  readonly ttlSeconds: number
  /** Absent: no session brings it. */
  readonly member?: Member
}

/** How an {@link Admission} went; `moved`: another version stands there, and nothing was changed. */
export type AdmissionOutcome = ({ readonly outcome: 'written' } & Joined) | { readonly outcome: 'moved' }

/**
 * Which sessions a subject (one user of one client at one authorization server) or a user of the app has, so that one
 * of many can end without ending the authorization, and all can end at once. A subject's own grant lies in the same
 * slot, under the ref `{ slot: <key>, id }`. Members that have expired count for nothing.
 */
export interface SubjectStore {
  /** Adds a session until it expires. */
  join(key: string, member: Member): Promise<Joined>
  /**
   * Stores a subject's grant and adds the session, both or nothing. Repeating a call whose record already stands there
   * answers `written`.
   */
  admit(key: string, admission: Admission): Promise<AdmissionOutcome>
  /**
   * Removes a member and all expired ones. When none is left and `grantId` is given, that grant goes with its attempt
   * and lease, and comes back.
   */
  leave(
    key: string,
    memberId: string,
    grantId?: string,
  ): Promise<{ readonly left: number; readonly deletedGrant?: VersionedRecord }>
  /** How many members there are now. */
  count(key: string): Promise<number>
  /** Sets the not-before time to now, for `ttlSeconds`, and answers it with the ids of all members. */
  end(
    key: string,
    ttlSeconds: number,
  ): Promise<{ readonly notBefore: number; readonly memberIds: readonly string[] }>
  /** Store time of the last end of all sessions: one that joined at or before it must not live. */
  notBefore(key: string): Promise<number | undefined>
  /** The ids of all members. */
  members(key: string): Promise<readonly string[]>
}

/** Which accounts a user of the app keeps, one sealed record each. */
export interface UserStore {
  /** Reads the record and renews its time to live at once. */
  read(user: string, ttlSeconds: number): Promise<VersionedRecord | undefined>
  /** Writes the record when the expected version stands there (`undefined`: none may). Repeatable like the others. */
  write(
    user: string,
    expectedVersion: string | undefined,
    record: VersionedRecord,
    ttlSeconds: number,
  ): Promise<'written' | 'moved'>
}

/** How long the id of a deleted app session stays deleted for writers that began before. */
export const appSessionTombstoneSeconds: number = 600

/** The app's own session data (`req.session`), as text. */
export interface AppSessionStore {
  /** Reads the data and renews its time to live at once. */
  read(id: string, idleTtlSeconds: number): Promise<string | undefined>
  /**
   * Does nothing for an id that was deleted less than {@link appSessionTombstoneSeconds} ago: a slow request revives no
   * ended session.
   */
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
  readonly users: UserStore
  readonly appSessions: AppSessionStore
  /** True when the data outlives the process. */
  readonly durable: boolean
  /** Closes what this store opened. */
  close(): Promise<void>
}

import { subjectKey } from '../protocol/subject-key.ts'
import { grantOf, type SessionAccount, subjectGrantId } from '../session/record.ts'
import { userKey } from '../session/session-index.ts'
import { type Session, SessionSlots } from '../session/session-slots.ts'
import type { GrantRef } from '../store/store.ts'
import type { Grant } from '../vault/grant.ts'
import { type Crowd, grantsIn } from './crowd.fixture.ts'
import type { Operation } from './crowd-operations.fixture.ts'
import type { Holding, Run } from './crowd-run.fixture.ts'
import { userOf } from './crowd-server.fixture.ts'
import { keptAccounts } from './kept.ts'

/** A grant that stands in the store. */
interface Standing {
  readonly ref: GrantRef
  readonly grant: Grant
}

/** An operation that has ended. */
export interface Done {
  readonly operation: Operation
  /** What came of it. */
  readonly run: Pick<Run, 'gained' | 'failure'>
}

/** Everything that a crowd's store holds. */
interface Inventory {
  readonly sessions: readonly Session[]
  readonly grants: readonly Standing[]
  readonly members: ReadonlyMap<string, readonly string[]>
}

const userIds = ['ada', 'bob']

/** What is wrong with a store and its servers after everything has ended, one line each. */
export async function audit(crowd: Crowd, done: readonly Done[]): Promise<readonly string[]> {
  const operations = done.map(({ operation }) => operation)
  const inventory = await inventoryOf(crowd)
  return [
    ...indexFaults(inventory),
    ...grantFaults(crowd, inventory),
    ...(await listFaults(crowd, inventory)),
    ...serverFaults(crowd, inventory),
    ...personFaults(crowd, inventory),
    ...holdingFaults(crowd, inventory, operations),
    ...endFaults(crowd, inventory, done),
  ]
}

/** A memory store lists nothing, so whatever any command named is looked at. */
async function inventoryOf({ fixture, observer }: Crowd): Promise<Inventory> {
  const { store, sealer, clock, log } = fixture
  const commands = [...fixture.watched.commands]
  const first = (prefix: string): Set<string> =>
    new Set(commands.filter(({ name }) => name.startsWith(prefix)).map(({ args }) => String(args[0])))
  const slots = new SessionSlots({ store: store.sessions, sealer, clock, log, idleSeconds: 86_400 })
  const sessions = await Promise.all([...first('sessions.')].map((locator) => slots.peek(locator)))
  const members = new Map<string, readonly string[]>()
  for (const key of first('subjects.')) members.set(key, await store.subjects.members(key))
  const refs = new Map(
    commands.flatMap(({ name, args }) =>
      grantsIn(name, args).map(({ ref }) => [`${ref.slot}/${ref.id}`, ref] as const),
    ),
  )
  const grants: Standing[] = []
  for (const ref of refs.values()) {
    const grant = await observer.read({ ref })
    if (grant !== undefined) grants.push({ ref, grant })
  }
  return { sessions: sessions.filter((one) => one !== undefined), grants, members }
}

/** Rule 1: sessions and indexes name each other. */
function* indexFaults({ sessions, members }: Inventory): Iterable<string> {
  const places = sessions.flatMap(({ record }) => [
    { key: userKey(record.userId), id: record.membership.id, of: `the sessions of ${record.userId}` },
    ...record.accounts.flatMap(({ subject: key, membership, ...account }) =>
      membership === undefined ? [] : [{ key, id: membership.id, of: `the sessions of ${nameOf(account)}` }],
    ),
  ])
  for (const { key, id, of } of places) {
    if (!members.get(key)?.includes(id)) yield `rule 1: a session has no place in the index of ${of}`
  }
  for (const [key, ids] of members) {
    for (const id of ids) {
      if (places.some((place) => place.key === key && place.id === id)) continue
      const of = places.find((place) => place.key === key)?.of ?? 'nobody who is there'
      yield `rule 1: an orphan is left in the index of ${of}`
    }
  }
}

/** Rule 2: no account is without its shared grant, not even for a while; no shared grant is without a session. */
function* grantFaults(
  { subject, deleted }: Crowd,
  { sessions, grants, members }: Inventory,
): Iterable<string> {
  for (const { grant } of grants) {
    if (grant.state === 'live' && deleted.has(grant.tokens.accessToken))
      yield `rule 2: ${grant.tokens.accessToken} was not there for a while`
  }
  const shared = grants.find(({ ref }) => ref.slot === subject && ref.id === subjectGrantId)
  if (shared !== undefined && shared.grant.holder === undefined && members.get(subject)?.length === 0)
    yield 'rule 2: a shared grant stands that no session shares'
  for (const { locator, record } of sessions) {
    for (const account of record.accounts) {
      // What a user keeps may have been disconnected on the way into this session; its grant says so.
      if (account.owner === 'user') continue
      if (grantFor({ locator, record }, account, grants) === undefined)
        yield `rule 2: a session of ${record.userId} has ${nameOf(account)} without its grant`
    }
  }
}

/** Rule 3: what a user keeps is listed, and nothing else. */
async function listFaults(crowd: Crowd, { grants }: Inventory): Promise<readonly string[]> {
  const found: string[] = []
  for (const userId of userIds) {
    const { kept, settings } = crowd.fixture
    const listed = await keptAccounts({ kept, vault: crowd.observer, settings }, userId)
    const subjects = listed.map(({ subject }) => subject)
    const held = grants.filter(({ grant }) => grant.holder === userId).map(({ ref }) => ref.slot)
    if (held.some((slot) => !subjects.includes(slot)))
      found.push(`rule 3: the kept grant of ${userId} is not on the list`)
    if (subjects.some((slot) => !held.includes(slot)))
      found.push(`rule 3: the list of ${userId} answers a grant that is not kept`)
    if (new Set(subjects).size < subjects.length)
      found.push(`rule 3: the list of ${userId} has an account twice`)
  }
  return found
}

/**
 * Rule 4: what lives is stored, and what is stored lives. The exceptions:
 * - where a revocation ends the user's whole authorization, a token set that nobody has may live on while another one
 *   of that user is stored, and one that was stored after the revoker's last look at the account's sessions ends along;
 * - what only a lost answer has named is known to nobody any more and cannot be revoked, nor, where a revocation ends the
 *   user's whole authorization, can that by it;
 * - what a refresh brought that another token set was faster than is dropped, since the two may be of one family;
 * - a token set from elsewhere is the app's own: where the account is kept already, it is left as it is, and one that
 *   has died while it waited to be imported is found dead when the import is tried again.
 */
function* serverFaults(
  { example, other, subject, endedUnseen, unheard }: Crowd,
  { sessions, grants }: Inventory,
): Iterable<string> {
  const slots = [subject, ...sessions.map(({ locator }) => locator)]
  const living = [...example.living, ...other.living]
  const stored: string[] = []
  for (const { ref, grant } of grants) {
    if (grant.state !== 'live') continue
    const token = grant.tokens.accessToken
    stored.push(token)
    const mayBeDead = endedUnseen.has(token) || (isFromElsewhere(token) && !slots.includes(ref.slot))
    if (!living.includes(token) && !mayBeDead) yield `rule 4: ${token} is stored and dead`
  }
  for (const token of living) {
    if (stored.includes(token) || isFromElsewhere(token) || unheard.has(token)) continue
    const isShared = stored.some((one) => userOf(one) === userOf(token))
    const mayNotBeRevoked = other.provider.revocation === 'authorization' && other.living.has(token)
    if (isShared && (mayNotBeRevoked || token.includes('refreshed'))) continue
    if (mayNotBeRevoked && [...unheard].some((one) => userOf(one) === userOf(token))) continue
    yield `rule 4: ${token} lives and is stored nowhere`
  }
}

function isFromElsewhere(token: string): boolean {
  return token.includes('elsewhere')
}

/** Rule 5, one half: nothing is the wrong person's. */
function* personFaults({ example, other }: Crowd, { sessions, grants }: Inventory): Iterable<string> {
  for (const { ref, grant } of grants) {
    if (grant.state !== 'live') continue
    const id = userOf(grant.tokens.accessToken)
    const client = id === 'adas' ? other : example
    const accounts = sessions.flatMap(({ locator, record }) =>
      record.accounts.filter((one) => isAt(grantOf({ locator, userId: record.userId }, one).ref, ref)),
    )
    if (accounts.some(({ subject }) => subject !== subjectKey(client, id)))
      yield `rule 5: the tokens of ${id} are in somebody else's account`
  }
  for (const { record } of sessions) {
    for (const account of record.accounts) {
      const owners = account.provider === 'other' ? userIds : [account.id]
      if (!owners.includes(record.userId)) yield `rule 5: ${record.userId} has ${nameOf(account)}`
    }
  }
}

/** Rule 5, the other half: whoever was told to have something has it, unless the other operation took it. */
function* holdingFaults(
  crowd: Crowd,
  inventory: Inventory,
  operations: readonly Operation[],
): Iterable<string> {
  const { holdings } = crowd
  for (const holding of holdings) {
    const taken = operations.map(({ takes }) => takes?.(holding, operations))
    if (holding.locator === undefined) {
      const keeps = inventory.grants.some(({ grant }) => grant.holder === holding.userIds[0])
      if (!keeps && !taken.includes('account')) yield `rule 5: ${holding.device} is not kept`
      continue
    }
    if (taken.includes('session')) continue
    // Who signs in over a session may be somebody else.
    const may = holdings.filter(({ locator }) => locator === holding.locator).flatMap((one) => one.userIds)
    yield* sessionFaults(crowd, inventory, { ...holding, userIds: may }, taken.includes('account'))
  }
}

function* sessionFaults(
  { subject }: Crowd,
  { sessions, grants }: Inventory,
  { locator, device, userIds: may, hasAccount }: Holding,
  isDisconnected: boolean,
): Iterable<string> {
  const session = sessions.find((one) => one.locator === locator)
  if (session === undefined) return yield `rule 5: ${device} is signed out`
  if (!may.includes(session.record.userId)) yield `rule 5: ${device} is signed in as ${session.record.userId}`
  if (!hasAccount || isDisconnected) return
  const account = session.record.accounts.find((one) => one.subject === subject)
  if (account === undefined) return yield `rule 5: ${device} has lost its account`
  const standing = grantFor(session, account, grants)
  if (standing?.grant.state !== 'live') yield `rule 5: ${device} has no tokens for its account`
}

/**
 * Rule 5, backwards: what an operation that was done has taken from before is gone, unless the other brought it anew.
 * Two exceptions: where an account was disconnected, an end of its sessions does not find those that began with it;
 * and where its user keeps it anew meanwhile, what has led to it may lead to it again.
 */
function* endFaults(
  { holdings, subject }: Crowd,
  { sessions, grants }: Inventory,
  done: readonly Done[],
): Iterable<string> {
  const pair = done.map(({ operation }) => operation)
  const isKeptAnew = grants.some(({ ref, grant }) => ref.slot === subject && grant.holder === 'ada')
  for (const holding of holdings.filter(({ isOld }) => isOld)) {
    if (done.some(({ run }) => run.gained?.device === holding.device)) continue
    const session = sessions.find(({ locator }) => locator === holding.locator)
    const hasIt = session?.record.accounts.some((one) => one.subject === subject)
    for (const { operation, run } of done) {
      if (run.failure !== undefined) continue
      const taken = operation.takes?.(holding, pair)
      const isUnnamed = operation.name === "an end of the account's sessions" && !hasIt
      if (taken === 'session' && session !== undefined && !isUnnamed)
        yield `rule 5: ${holding.device} is signed in all the same`
      if (taken === 'account' && hasIt && !isKeptAnew)
        yield `rule 5: ${holding.device} has its account all the same`
    }
  }
}

function grantFor(
  { locator, record: { userId } }: Pick<Session, 'locator' | 'record'>,
  account: SessionAccount,
  grants: readonly Standing[],
): Standing | undefined {
  const { ref, holder } = grantOf({ locator, userId }, account)
  const standing = grants.find((one) => isAt(one.ref, ref))
  return holder === undefined || standing?.grant.holder === holder ? standing : undefined
}

function isAt(a: GrantRef, b: GrantRef): boolean {
  return a.slot === b.slot && a.id === b.id
}

function nameOf({ provider, id }: Pick<SessionAccount, 'provider' | 'id'>): string {
  return `${provider}:${id}`
}

import { LatchkeyError } from '../errors.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import type { TokenSet } from '../protocol/token.ts'
import { type KeptAccount, keptSeconds } from '../session/kept-accounts.ts'
import { subjectGrantId, subjectRef } from '../session/record.ts'
import { type BroughtAccount, disconnected, type EndedGrant } from '../session/sessions.ts'
import { isStoreAway } from '../store/ask-again.ts'
import type { Joined, Member } from '../store/store.ts'
import type { LiveGrant } from '../vault/grant.ts'
import { isSameGrant } from '../vault/token-set.ts'
import { abandon } from './abandon.ts'
import type { FlowContext } from './context.ts'
import { onList, unlist } from './kept-list.ts'
import { aliveCheck, authorizedAt, ownerOf, type Redeemed } from './redeemed.ts'
import type { SignInClient } from './sign-in-client.ts'
import { whenStoreIsBack } from './when-store-is-back.ts'

/** Longer than it takes to find out that a connection is dead, and to make another one. */
const patienceSeconds = 5

/** The token set of a redeemed code on its way into the store, and what becomes of it if it does not get there. */
export class Landing {
  readonly account: BroughtAccount
  readonly #context: FlowContext
  readonly #redeemed: Redeemed
  readonly #userId: string
  /** Token sets that are stored for nobody: ours when an older one stays, the older one when ours replaced it. */
  readonly #leftOver = new Set<TokenSet>()
  readonly #ended: EndedGrant[] = []
  #isStored = false
  /** No grant stood there before. */
  #isFirst = false
  #memberId = ''

  constructor(context: FlowContext, redeemed: Redeemed, userId: string) {
    const { client, user } = redeemed
    this.#context = context
    this.#redeemed = redeemed
    this.#userId = userId
    const subject = subjectKey(client, user.id)
    const owner = ownerOf(client)
    const named = { provider: client.provider.id, id: user.id, subject }
    this.account = {
      ...named,
      grant:
        owner === 'session'
          ? { owner, seal: (ref) => context.vault.seal(ref, newGrant(redeemed)) }
          : { owner, admit: (member) => this.#admit(owner, named, member) },
    }
  }

  /** Gets what ended with the sign-in. It is revoked when it is known how the sign-in went. */
  readonly ended = (grants: readonly EndedGrant[]): void => {
    this.#ended.push(...grants)
  }

  /** Gets what is to be done once the store is back. */
  readonly later = (work: () => Promise<void>): void => {
    const done = whenStoreIsBack(this.#context, work).then(() => this.#revokeEnded(undefined))
    void this.#context.background.track(done)
  }

  /** After the session is stored: revokes what nobody uses any more. */
  settle(): void {
    const { client, code } = this.#redeemed
    // Some servers issue the same refresh token again. In its subject's slot ours was what ended.
    const inUse = ownerOf(client) === 'session' ? code.tokens : undefined
    this.#revokeEnded(inUse)
    this.#discardLeftOver()
  }

  /**
   * After a failure: a token set that is stored lives on for those who share it or keep it, any other is revoked. An
   * account that was kept for a login which was refused in the end is taken back. Never rejects.
   */
  async abandon(error: unknown): Promise<void> {
    if (await this.#livesOn(error)) return this.settle()
    const { client, code } = this.#redeemed
    const isDiscarded = client.provider.revocation === 'token'
    this.#revokeEnded(isDiscarded ? code.tokens : undefined)
    this.#leftOver.delete(code.tokens)
    this.#discardLeftOver()
    await abandon(this.#context, this.#redeemed, { isStoreAway: isStoreAway(error) })
  }

  #revokeEnded(inUse: TokenSet | undefined): void {
    void this.#context.revocations.revoke(this.#ended.splice(0), 0, inUse)
  }

  #discardLeftOver(): void {
    const { client } = this.#redeemed
    // Where a new one kills all earlier ones, they are dead; where revoking one ends all, the others are in use.
    if (client.provider.exclusive || client.provider.revocation !== 'token') return
    for (const tokens of this.#leftOver) void this.#context.revocations.discard(client, tokens)
  }

  /** True when the token set is kept for its user, or may be. */
  async #livesOn(error: unknown): Promise<boolean> {
    const { provider } = this.#redeemed.client
    if (ownerOf({ provider }) !== 'user') return false
    try {
      const isRefused = LatchkeyError.is(error) && error.code === 'login_required'
      if (this.#isFirst && isRefused) await this.#takeBack()
      return !provider.exclusive && (await this.#isInUse())
    } catch (failure) {
      // Nobody knows whether it is stored, and what is stored must live.
      if (LatchkeyError.is(failure)) return true
      throw failure
    }
  }

  async #admit(owner: 'subject' | 'user', account: KeptAccount, member: Member): Promise<Joined> {
    const bring = (): Promise<Joined> => this.#bring(owner, account, member)
    return owner === 'subject' ? bring() : onList(this.#context, this.#userId, account, bring)
  }

  async #bring(
    owner: 'subject' | 'user',
    account: Pick<KeptAccount, 'subject'>,
    member: Member,
  ): Promise<Joined> {
    const { vault, clock } = this.#context
    const { client, code, requestedScope, isJustRedeemed } = this.#redeemed
    const sessionSeconds = Math.max(1, Math.ceil(member.expiresAt - clock.now()))
    const brought = await vault.subjectGrants.bring({
      ref: subjectRef(account.subject),
      tokens: code.tokens,
      requestedScope,
      holder: owner === 'user' ? this.#userId : undefined,
      member,
      ttlSeconds: owner === 'user' ? keptSeconds : sessionSeconds,
      isAlive: aliveCheck(client, code),
      ...(isJustRedeemed && { mustLive: true }),
      authorizedAt: authorizedAt(this.#redeemed),
      patienceSeconds,
      // A second time, because the session moved: whoever replaced or ended ours meanwhile has revoked it.
      ...(this.#isStored && !client.provider.exclusive && { isStored: true }),
    })
    if (brought.stored === 'nothing')
      throw client.provider.exclusive ? killedElsewhere(client) : disconnected()
    this.#isFirst ||= brought.isFirst
    this.#isStored = true
    this.#memberId = member.id
    if (brought.stored === 'ours') this.#leftOver.delete(code.tokens)
    if (brought.leftOver !== undefined) this.#leftOver.add(brought.leftOver)
    return brought
  }

  /** Unless another session of its user has the account meanwhile. */
  async #takeBack(): Promise<void> {
    const { subject } = this.account
    const { store } = this.#context
    const { deletedGrant } = await store.subjects.leave(subject, this.#memberId, subjectGrantId)
    if (deletedGrant === undefined) return
    const ref = subjectRef(subject)
    this.ended([{ account: this.account, ref, record: deletedGrant, lastOfSubject: true }])
    await unlist(this.#context, this.#userId, this.account)
  }

  async #isInUse(): Promise<boolean> {
    const grant = await this.#context.vault.read({ ref: subjectRef(this.account.subject) })
    return grant?.state === 'live' && isSameGrant(grant.tokens, this.#redeemed.code.tokens)
  }
}

/** Another device has signed in meanwhile, and out again: there is nothing left to share. */
function killedElsewhere({ provider: { id, name } }: SignInClient): LatchkeyError {
  const message = `${name} has ended the tokens of this sign-in: another one was made at the same time. Start again.`
  return new LatchkeyError('as_unavailable', message, { provider: id, reason: 'userinfo_unauthorized' })
}

function newGrant(redeemed: Redeemed): LiveGrant {
  const { tokens } = redeemed.code
  return { state: 'live', tokens, authorizedAt: authorizedAt(redeemed), refreshCount: 0 }
}

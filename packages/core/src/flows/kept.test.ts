import { describe, expect, it } from 'vitest'
import { subjectKey } from '../protocol/subject-key.ts'
import type { SessionAccount } from '../session/record.ts'
import { subjectRef } from '../session/record.ts'
import { startAt } from '../session/session.fixture.ts'
import type { LiveGrant } from '../vault/grant.ts'
import { FlowsFixture } from './flows.fixture.ts'
import { keptAccounts, keptBeside } from './kept.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

const day = 86_400
const userId = 'the user'

class KeptFixture extends FlowsFixture {
  constructor() {
    super({ clients: [new ScriptedSignInClient('example', { keepAccounts: true })] })
  }

  /** Puts an account on the user's list, with a grant that `holder` has; `undefined`: none. */
  async keep(id: string, holder: string | undefined, client = this.client): Promise<void> {
    const subject = subjectKey(client, id)
    await this.kept.add(userId, { provider: client.provider.id, id, subject })
    if (holder === undefined) return
    const ref = subjectRef(subject)
    const tokens = this.client.tokens(`access of ${id}`, ['read'])
    const grant: LiveGrant = { state: 'live', tokens, authorizedAt: startAt, refreshCount: 0, holder }
    await this.store.grants.create(ref, this.vault.seal(ref, grant), 180 * day)
  }

  beside(): Promise<readonly SessionAccount[]> {
    return keptBeside(this, userId)
  }
}

const ids = (accounts: readonly { readonly id: string }[]): readonly string[] => accounts.map(({ id }) => id)

describe('keptBeside', () => {
  it('points to what the user keeps, oldest first, wherever it was brought from', async () => {
    const fixture = new KeptFixture()
    await fixture.keep('first', userId)
    await fixture.keep('second', userId)
    expect(await fixture.beside()).toEqual(
      ['first', 'second'].map((id) => ({
        provider: 'example',
        id,
        subject: subjectKey(fixture.client, id),
        owner: 'user',
        grantId: 'grant',
      })),
    )
  })

  it('leaves out what is gone or somebody else’s, and keeps it on the list: it may be about to come', async () => {
    const fixture = new KeptFixture()
    await fixture.keep('gone', undefined)
    await fixture.keep('taken', 'another user')
    await fixture.keep('own', userId)
    expect(ids(await fixture.beside())).toEqual(['own'])
    expect(ids(await fixture.kept.list(userId))).toEqual(['gone', 'taken', 'own'])
    await fixture.keep('gone', userId)
    expect(ids(await fixture.beside())).toEqual(['gone', 'own'])
  })

  it('case 54: leaves out what another client of ours was given, and what was kept again since', async () => {
    const fixture = new KeptFixture()
    const tenant = new ScriptedSignInClient('tenant', { keepAccounts: true })
    fixture.resolvable.push(tenant)
    for (const [client, id] of [
      [fixture.client, 'ada'],
      [tenant, 'grace'],
    ] as const) {
      await fixture.keep(id, userId, client)
      client.identity = () => 'https://as.example another client'
      await fixture.keep(id, userId, client)
    }
    await fixture.keep('linus', userId)
    fixture.client.identity = () => 'https://as.example yet another client'
    const left = await fixture.beside()
    expect(left).toMatchObject([{ provider: 'tenant', id: 'grace', subject: subjectKey(tenant, 'grace') }])
    expect(left).toHaveLength(1)
    expect(await fixture.kept.list(userId)).toHaveLength(5)
  })

  it('asks the store nothing where no provider keeps anything', async () => {
    const fixture = new FlowsFixture()
    expect(await keptBeside(fixture, userId)).toEqual([])
    expect(fixture.watched.names).toEqual([])
  })

  it('is a use of every account: each lives 180 days from it', async () => {
    const fixture = new KeptFixture()
    await fixture.keep('first', userId)
    for (let visit = 0; visit < 3; visit += 1) {
      await fixture.clock.advance(179 * day)
      expect(ids(await fixture.beside())).toEqual(['first'])
    }
    await fixture.clock.advance(180 * day)
    expect(await fixture.beside()).toEqual([])
  })
})

describe('keptAccounts', () => {
  it('is a look only: an account that nobody uses ends after 180 days, and the others stay', async () => {
    const fixture = new KeptFixture()
    await fixture.keep('unused', userId)
    await fixture.clock.advance(100 * day)
    await fixture.keep('used', userId)
    expect(ids(await keptAccounts(fixture, userId))).toEqual(['unused', 'used'])
    await fixture.clock.advance(80 * day)
    expect(ids(await keptAccounts(fixture, userId))).toEqual(['used'])
  })
})

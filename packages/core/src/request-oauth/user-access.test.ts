import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { subjectKey } from '../protocol/subject-key.ts'
import { AccountsFixture } from './accounts.fixture.ts'
import { type UserAccess, userAccess } from './user-access.ts'

const day = 86_400

function accessTo(
  names: readonly string[],
  fixture = new AccountsFixture(),
): UserAccess & { readonly ended: string[] } {
  const ended: string[] = []
  const kept = names.map((name) => {
    const [provider = '', id = ''] = name.split(':')
    return { provider, id, subject: subjectKey({ identity: () => provider }, id) }
  })
  const access = userAccess<string>({
    ...fixture.parts,
    userId: 'the user',
    kept,
    endUser: async (userId) => ended.push(userId),
  })
  return Object.assign(access, { ended })
}

describe('UserAccess', () => {
  it('has what its user keeps', () => {
    const access = accessTo(['a:ada', 'b:grace'])
    expect(access.userId).toBe('the user')
    expect(access.accounts.map(({ provider, id }) => `${provider}:${id}`)).toEqual(['a:ada', 'b:grace'])
    expect(access.account('b').id).toBe('grace')
    expect(() => access.account('a', 'grace')).toThrow(expect.objectContaining({ code: 'login_required' }))
  })

  it('uses the grant in the subject’s slot, only while its user keeps it, and keeps it for 180 days more', async () => {
    const fixture = new AccountsFixture()
    await accessTo(['a:ada'], fixture).accessToken()
    expect(fixture.asked).toEqual([
      expect.objectContaining({
        ref: { slot: subjectKey({ identity: () => 'a' }, 'ada'), id: 'grant' },
        holder: 'the user',
        keepSeconds: 180 * day,
      }),
    ])
  })

  it('asks which of several accounts is meant: nobody has signed in', async () => {
    const access = accessTo(['a:ada', 'a:grace'])
    expect(() => access.account('a')).toThrow(expect.objectContaining({ code: 'account_ambiguous' }))
    await expect(access.accessToken()).rejects.toMatchObject({ code: 'account_ambiguous' })
    await expect(access.fetch('https://a.example/me')).rejects.toMatchObject({ code: 'account_ambiguous' })
  })

  it('says how accounts are kept when there is none', async () => {
    const advice = expect.stringContaining('keepAccounts: true')
    await expect(accessTo([]).accessToken()).rejects.toMatchObject({
      code: 'login_required',
      message: advice,
    })
    await expect(accessTo([]).request('https://a.example/me')).rejects.toMatchObject({ reason: 'no_account' })
  })

  it('ends every session of its user, detached as well', async () => {
    const access = accessTo(['a:ada'])
    const { logout } = access
    expect(await logout()).toBeUndefined()
    expect(access.ended).toEqual(['the user'])
  })

  it('disconnects an account of its user', async () => {
    const fixture = new AccountsFixture()
    const access = accessTo(['a:ada', 'b:grace'], fixture)
    await access.account('a').disconnect()
    expect([fixture.disconnected, access.accounts.map(({ id }) => id)]).toEqual([
      ['the user a:ada'],
      ['grace'],
    ])
  })

  it('case 99: prints who it is and which accounts there are, and nothing else', () => {
    const access = accessTo(['a:ada'])
    const expected = { userId: 'the user', accounts: [{ provider: 'a', id: 'ada' }] }
    expect(JSON.parse(JSON.stringify(access))).toEqual(expected)
    expect(inspect(access, { depth: Infinity, showHidden: true })).toBe(
      inspect(expected, { showHidden: true }),
    )
  })
})

import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { AccountList, type AccountOwner, accessThrough } from './account-list.ts'
import { AccountsFixture, pointersTo, signedOut } from './accounts.fixture.ts'

const ada = { provider: 'a', id: 'ada' }

function listOf(
  names: readonly string[],
  owner: Partial<AccountOwner> = {},
  fixture = new AccountsFixture(),
): AccountList<string> {
  return new AccountList<string>(fixture.parts, {
    pointers: pointersTo(...names),
    user: ada,
    requireSomebody: () => {},
    advice: () => 'Link it.',
    ...owner,
  })
}

const shown = ({ provider, id }: { readonly provider: string; readonly id: string }): string =>
  `${provider}:${id}`
const accountFor = async (list: AccountList<string>, url: URL): Promise<unknown> => list.for(url)
const api = (host: string): URL => new URL(`https://${host}.example/me`)

describe('AccountList.at', () => {
  it('finds the account at a provider, by its id where there are two', () => {
    const list = listOf(['a:ada', 'b:grace', 'b:linus'])
    expect(shown(list.at('a', undefined))).toBe('a:ada')
    expect(shown(list.at('b', 'linus'))).toBe('b:linus')
  })

  it('does not choose between two, not even the one that signed in', () => {
    const list = listOf(['a:ada', 'a:grace'])
    expect(() => list.at('a', undefined)).toThrow(
      expect.objectContaining({
        code: 'account_ambiguous',
        provider: 'a',
        message: expect.stringContaining("account('a')"),
      }),
    )
  })

  it.each([
    ['a provider without one', 'b', undefined],
    ['an id that is not there', 'a', 'grace'],
  ])('says that there is none: %s', (_, provider, id) => {
    expect(() => listOf(['a:ada']).at(provider, id)).toThrow(
      expect.objectContaining({
        code: 'login_required',
        reason: 'no_account',
        provider,
        message: expect.stringContaining('Link it.'),
      }),
    )
  })

  it('says first that nobody is signed in', () => {
    const list = listOf([], { requireSomebody: signedOut, user: undefined })
    expect(() => list.at('a', undefined)).toThrow(expect.objectContaining({ reason: 'signed_out' }))
  })
})

describe('AccountList.for', () => {
  it('takes the account whose API it is, and of several the one that signed in', async () => {
    const list = listOf(['b:grace', 'a:ada'])
    expect(shown(await list.for(api('b')))).toBe('b:grace')
    expect(shown(await list.for(api('shared')))).toBe('a:ada')
  })

  it('does not choose between two of which neither signed in', async () => {
    const list = listOf(['a:grace', 'b:linus'])
    await expect(accountFor(list, api('shared'))).rejects.toMatchObject({ code: 'account_ambiguous' })
    const kept = listOf(['a:ada', 'a:grace'], { user: undefined })
    await expect(accountFor(kept, api('a'))).rejects.toMatchObject({ code: 'account_ambiguous' })
  })

  it('case 51: sends nothing anywhere else', async () => {
    await expect(accountFor(listOf(['a:ada']), api('evil'))).rejects.toMatchObject({
      code: 'origin_not_allowed',
    })
    await expect(accountFor(listOf([]), api('evil'))).rejects.toMatchObject({ code: 'origin_not_allowed' })
  })

  it('asks for the account of a known API that is not there', async () => {
    await expect(accountFor(listOf(['a:ada']), api('b'))).rejects.toMatchObject({
      reason: 'no_account',
      provider: 'b',
    })
    const nobody = listOf([], { requireSomebody: signedOut })
    await expect(accountFor(nobody, api('b'))).rejects.toMatchObject({ reason: 'signed_out' })
  })

  it('asks for a sign-in where the API may be that of a provider which is only known when asked for', async () => {
    const fixture = new AccountsFixture({ resolvesMore: true })
    const nobody = listOf([], { requireSomebody: signedOut }, fixture)
    await expect(accountFor(nobody, api('tenant'))).rejects.toMatchObject({ reason: 'signed_out' })
    await expect(accountFor(listOf(['a:ada'], {}, fixture), api('tenant'))).rejects.toMatchObject({
      code: 'origin_not_allowed',
    })
  })

  it('case 56: chooses nobody else while the provider of an account cannot be looked up', async () => {
    const fixture = new AccountsFixture({ resolvesMore: true, areListed: false })
    fixture.beforeFind = (id) => {
      if (id === 'a') throw new LatchkeyError('as_unavailable', 'The lookup failed.')
    }
    const list = listOf(['a:ada', 'b:grace'], {}, fixture)
    await expect(accountFor(list, api('shared'))).rejects.toMatchObject({ code: 'as_unavailable' })
  })
})

describe('AccountList.main', () => {
  it('is the account that signed in, or else the only one', () => {
    expect(shown(listOf(['b:grace', 'a:ada']).main())).toBe('a:ada')
    expect(shown(listOf(['b:grace']).main())).toBe('b:grace')
  })

  it.each([
    [['b:grace', 'b:linus'], 'account_ambiguous'],
    [[], 'login_required'],
  ])('is nobody’s in %j', (names, code) => {
    expect(() => listOf(names).main()).toThrow(expect.objectContaining({ code }))
  })
})

describe('a disconnected account', () => {
  it('is not on the list any more, and the others are', async () => {
    const fixture = new AccountsFixture()
    const list = listOf(['a:ada', 'b:grace'], {}, fixture)
    await list.at('b', undefined).disconnect()
    expect(list.all.map(shown)).toEqual(['a:ada'])
    expect(() => list.at('b', undefined)).toThrow(expect.objectContaining({ reason: 'no_account' }))
    await expect(accountFor(list, api('b'))).rejects.toMatchObject({ reason: 'no_account' })
    expect(fixture.disconnected).toEqual(['the user b:grace'])
  })

  it('stays on it when the store failed', async () => {
    const fixture = new AccountsFixture()
    const failing = { ...fixture.parts, disconnect: () => Promise.reject(new Error('no connection')) }
    const owner = { pointers: pointersTo('a:ada'), user: ada, requireSomebody: () => {}, advice: () => '' }
    const list = new AccountList<string>(failing, owner)
    await expect(list.main().disconnect()).rejects.toThrow('no connection')
    expect(list.all.map(shown)).toEqual(['a:ada'])
  })
})

describe('an account of the list', () => {
  it('works again once its provider can be looked up again', async () => {
    const fixture = new AccountsFixture({ resolvesMore: true, areListed: false })
    const list = listOf(['a:ada'], {}, fixture)
    fixture.beforeFind = () => {
      throw new LatchkeyError('as_unavailable', 'The lookup failed.')
    }
    const { accessToken } = accessThrough(() => list)
    await expect(accessToken()).rejects.toMatchObject({ code: 'as_unavailable' })
    fixture.beforeFind = () => {}
    expect(await accessToken()).toMatchObject({ value: 'token-of-ada' })
  })

  it('works detached, by one handle for all of its calls', async () => {
    const fixture = new AccountsFixture()
    const { accessToken, status } = listOf(['a:ada', 'b:grace'], {}, fixture).at('b', undefined)
    fixture.grant = {
      state: 'ended',
      reason: 'invalid_grant',
      scope: ['read'],
      authorizedAt: 1,
      refreshCount: 2,
    }
    expect(await accessToken()).toMatchObject({ value: 'token-of-grace' })
    expect(await status()).toEqual({ state: 'ended', scope: ['read'], authorizedAt: 1, refreshCount: 2 })
    const [first, second] = fixture.asked
    expect(first).toEqual(second)
    expect(first).toMatchObject({
      ref: { slot: 'locator', id: 'grant of grace' },
      account: { provider: 'b', id: 'grace' },
    })
  })

  it('has the scopes that were granted, and none once it has ended', async () => {
    const fixture = new AccountsFixture()
    const account = listOf(['a:ada'], {}, fixture).main()
    const tokens = { accessToken: 'a', tokenType: 'Bearer', receivedAt: 1, scope: ['read', 'list'] }
    fixture.grant = { state: 'live', tokens, authorizedAt: 1, refreshCount: 0 }
    expect(await account.missingScopes('write', 'read', 'admin')).toEqual(['write', 'admin'])
    expect(await account.missingScopes()).toEqual([])
    fixture.grant = {
      state: 'ended',
      reason: 'invalid_grant',
      scope: ['read'],
      authorizedAt: 1,
      refreshCount: 0,
    }
    expect(await account.missingScopes('write', 'read')).toEqual(['write', 'read'])
    fixture.grant = undefined
    await expect(account.missingScopes('read')).rejects.toMatchObject({
      code: 'login_required',
      accountId: 'ada',
    })
  })
})

import { describe, expect, it } from 'vitest'
import { fixture, REDIRECT } from './server.fixture.ts'

describe('authorize', () => {
  it('shows a page with a button per user and redirects back with code and state', async () => {
    await using f = await fixture()
    const page = await f.agent.get(f.authorizeUrl())
    for (const name of ['Ada', 'Grace', 'Linus', 'Cancel']) expect(page.text).toContain(`>${name}</button>`)
    const params = await f.response()
    expect(params.get('state')).toBe('s-1')
    expect(params.get('code')).toMatch(/^code_LKM/)
    expect(params.has('iss')).toBe(false)
  })

  it('answers access_denied with the state when the user cancels', async () => {
    await using f = await fixture()
    const page = await f.agent.get(f.authorizeUrl())
    const answer = await f.agent.submit(page, { button: 'Cancel', redirect: 'manual' })
    const params = new URL(answer.location ?? '').searchParams
    expect([params.get('error'), params.get('state'), params.get('code')]).toEqual([
      'access_denied',
      's-1',
      null,
    ])
  })

  it('takes a consent page once', async () => {
    await using f = await fixture()
    const page = await f.agent.get(f.authorizeUrl())
    expect((await f.agent.submit(page, { button: 'Ada', redirect: 'manual' })).status).toBe(303)
    expect((await f.agent.submit(page, { button: 'Ada', redirect: 'manual' })).status).toBe(400)
  })

  it('never redirects to an unregistered redirect URI or for an unknown client', async () => {
    await using f = await fixture()
    for (const params of [
      { redirect_uri: `${REDIRECT}/x` },
      { client_id: 'other' },
      { redirect_uri: undefined },
    ]) {
      const answer = await f.agent.get(f.authorizeUrl(params), { redirect: 'manual' })
      expect([answer.status, answer.location]).toEqual([400, undefined])
    }
  })

  it('redirects at once with autoApprove and refuses prompt=none without it', async () => {
    await using f = await fixture({ autoApprove: 'user-grace' })
    const answer = await f.agent.get(f.authorizeUrl(), { redirect: 'manual' })
    const code = new URL(answer.location ?? '').searchParams.get('code') ?? ''
    const { body } = await f.exchange(code)
    expect(f.as.liveFor('user-grace')).toMatchObject({ refreshToken: body.refresh_token, generation: 0 })
    f.as.policy.autoApprove = undefined
    const silent = await f.agent.get(f.authorizeUrl({ prompt: 'none' }), { redirect: 'manual' })
    expect(silent.location).toContain('error=login_required')
  })

  it('redirects at once with autoDeny, with the error and the state alone', async () => {
    await using f = await fixture({ autoApprove: 'user-ada', policy: { autoDeny: true } })
    const answer = await f.agent.get(f.authorizeUrl(), { redirect: 'manual' })
    expect(answer.location).toBe(`${REDIRECT}?error=access_denied&state=s-1`)
  })

  it('sends iss right, wrong, twice or not at all, as the policy says (RFC 9207)', async () => {
    await using f = await fixture({ oidc: true, issuerPath: '/tenant' })
    expect((await f.response()).getAll('iss')).toEqual([f.as.issuer])
    f.as.policy.responseIss = ['https://evil.example']
    expect((await f.response()).getAll('iss')).toEqual(['https://evil.example'])
    f.as.policy.responseIss = [f.as.issuer, f.as.issuer]
    expect((await f.response()).getAll('iss')).toHaveLength(2)
    f.as.policy.responseIss = 'none'
    expect((await f.response()).getAll('iss')).toEqual([])
    f.as.policy.callbackParams = (params) => params.append('code', 'second')
    expect((await f.response()).getAll('code')).toHaveLength(2)
  })

  it('posts the response when form_post is asked', async () => {
    await using f = await fixture({ autoApprove: 'user-ada' })
    const page = await f.agent.get(f.authorizeUrl({ response_mode: 'form_post' }))
    expect(page.status).toBe(200)
    expect(page.text).toContain(`action="${REDIRECT}"`)
    expect(page.text).toMatch(/name="code" value="code_LKM/)
  })
})

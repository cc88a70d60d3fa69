import { describe, expect, it } from 'vitest'
import { runExample } from './example-program.fixture.ts'

describe('the example guard', () => {
  it('lets anybody who is signed in keep notes, each their own', async () => {
    const { baseUrl, browser } = await runExample('guard')
    const ada = browser()
    const choice = await ada.click(await ada.get(baseUrl), 'Notes')
    const consent = await ada.click(choice, 'Sign in with EXBO')
    const notes = await ada.submit(consent, { button: 'Ada' })
    expect(notes.url).toBe(`${baseUrl}/notes`)
    const added = await ada.submit(notes, { button: 'Add', fields: { note: 'milk & <eggs>' } })
    expect(added.text).toContain('<li>milk &#38; &#60;eggs&#62;</li>')
    const grace = browser()
    await grace.signIn(`${baseUrl}/login/exbo`, { as: 'Grace' })
    expect((await grace.get(`${baseUrl}/notes`)).text).toContain('<ul></ul>')
  })

  it('refuses a form that another site sends', async () => {
    const { baseUrl, browser } = await runExample('guard')
    const ada = browser()
    await ada.signIn(`${baseUrl}/login/exbo`, { as: 'Ada' })
    const forged = await ada.post(`${baseUrl}/notes`, { note: 'forged' }, { from: 'https://evil.example/' })
    expect(forged.status).toBe(401) // browsers send no cookie with it
    const cookie = ada.cookies.all.map(({ name, value }) => `${name}=${value}`).join('; ')
    const evenSo = { from: 'https://evil.example/', headers: { cookie } }
    const bolder = await ada.post(`${baseUrl}/notes`, { note: 'forged' }, evenSo)
    expect([bolder.status, bolder.text]).toEqual([403, expect.stringContaining('This request was refused')])
    expect((await ada.get(`${baseUrl}/notes`)).text).toContain('<ul></ul>')
  })

  it('asks for an account and a permission that a page needs, and comes back to it', async () => {
    const { baseUrl, browser } = await runExample('guard')
    const ada = browser()
    const tracks = await ada.signIn(`${baseUrl}/tracks`, { as: 'Ada' })
    expect(tracks.url).toBe(`${baseUrl}/tracks`)
    expect(JSON.parse(tracks.text).items).toHaveLength(5)
  })

  it('tells a script what it lacks and where the login is', async () => {
    const { baseUrl, browser } = await runExample('guard')
    const script = { headers: { accept: 'application/json', 'sec-fetch-mode': 'cors' } }
    const answer = await browser().get(`${baseUrl}/notes`, script)
    expect(answer.status).toBe(401)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'login_required', login: '/login' })
  })
})

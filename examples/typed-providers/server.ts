// Provider ids are types: a typo does not compile. typos.ts shows which ones.
import express from 'express'
import { auth } from './auth.ts'

const app = express()
app.use(auth)

app.get('/', (req, res) => {
  req.session.theme = req.query.theme === 'dark' ? 'dark' : 'light'
  res.send(auth.buttons({ returnTo: '/me' }))
})

app.get('/me', auth.requireLogin({ provider: 'spotify' }), async (req, res) => {
  const { state, scope } = await req.oauth.account('spotify').status()
  res.json({ state, scope, theme: req.session.theme })
})

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')

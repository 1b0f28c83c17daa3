// A person at a real browser: node click.mjs CHROMIUM URL approve|deny [SCREENSHOT]
//
// It opens the page, presses the button, and prints what the last page says, as JSON.

import puppeteer from 'puppeteer-core';

const [, , executablePath, url, action, screenshot] = process.argv;
// Root has no sandbox in a container.
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await puppeteer.launch({ executablePath, headless: true, args });
try {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  // What the page's policy forbids appears here.
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  await page.goto(url, { waitUntil: 'load' });
  const asked = await page.$eval('h1', (title) => title.textContent);
  if (screenshot) await page.screenshot({ path: `${screenshot}-asked.png` });
  await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.click(`button[value=${action}]`)]);
  // A page may lead on by itself.
  await page.waitForFunction(() => !document.querySelector('meta[http-equiv=refresh]'), { timeout: 10_000 });
  const told = await page.$eval('h1', (title) => title.textContent);
  if (screenshot) await page.screenshot({ path: `${screenshot}-told.png` });
  console.log(JSON.stringify({ asked, told, url: page.url(), errors }));
} finally {
  await browser.close();
}

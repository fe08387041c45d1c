import asyncio, time
from tests.acceptance.models.site import *
from treehold import Budget
async def test_x(site, workspace):
    for tokens in (None, 0, 0):
        t0=time.time()
        t = await site.client.submit("How are backups kept?", workspace=workspace, budget=Budget(tokens=tokens))
        try:
            async with asyncio.timeout(25):
                async for e in site.client.stream(t):
                    print(round(time.time()-t0,2), e.seq, e.kind)
        except TimeoutError: print("TIMEOUT", time.time()-t0)
    print(site.log.read_text())

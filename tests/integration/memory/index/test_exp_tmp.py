import time
from uuid import uuid4
import numpy as np
from core.database import Database
from memory.index import PgVectorIndex
from memory.ports import Point
class E: name="x"; dimensions=384
async def test_it(database, tenant, other_tenant, admin):
    r=np.random.default_rng(0); n=20000
    base=r.standard_normal((200,384)); v=(base[r.integers(0,200,n)]+0.7*r.standard_normal((n,384))).astype(np.float32); v/=np.linalg.norm(v,axis=1,keepdims=True)
    ix=PgVectorIndex(database,E()); await ix.prepare()
    t0=time.perf_counter()
    sc=["rare" if k%2000==0 else "tenant" if k%4 else "mid" for k in range(n)]
    pts=[Point(id=uuid4(),vector=v[k],payload={"scope":sc[k],"origin":f"user{k%50}","outcome":"done"}) for k in range(n)]
    for s in range(0,n,2000): await ix.upsert(tenant,"episode",pts[s:s+2000])
    print("\ninsert/s", n/(time.perf_counter()-t0))
    await admin.execute("ANALYZE vector_point")
    ids=[p.id for p in pts]
    for scope in ("rare","mid","tenant",None):
        w={"scope":scope} if scope else None
        idx=np.array([k for k in range(n) if scope in (None,sc[k])])
        ts=[];rec=[]
        for q in range(30):
            qv=(v[r.integers(0,n)]+0.02*r.standard_normal(384)).astype(np.float32); qv/=np.linalg.norm(qv)
            t=time.perf_counter(); h=await ix.search(tenant,"episode",qv,limit=10,where=w); ts.append(time.perf_counter()-t)
            best=idx[np.argsort(-(v[idx]@qv))[:10]]
            rec.append(len({x.id for x in h}&{ids[k] for k in best})/len(best))
        print(scope, len(idx), "p50 ms",1e3*np.median(ts),"max",1e3*max(ts),"recall",np.mean(rec),min(rec))
    async with database.unit_of_work(tenant) as work:
        from memory.index.pgvector import SQL
        import inspect
        for name in ("search_graph","search_exactly","matching"):
            for w in ('{}','{"scope":"rare"}','{"scope":"tenant"}'):
                p={"tenant":tenant,"collection":"episode","embedder":"x","vector":str(v[0].tolist()),"where":w,"limit":10,"most":2001}
                rows=await work.fetch_all(b"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "+getattr(SQL,name),p)
                print(name,w); print("\n".join("   "+x["QUERY PLAN"][:150] for x in rows))

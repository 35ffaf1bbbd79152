-- Fills the columns by which events are joined from the payloads of the .NET ExperimentFramework, a
-- few thousand rows at a time. Run it again as long as it goes on writing: it never fills them.
DECLARE @id BIGINT = (SELECT COALESCE(MIN(Id), 0) - 1 FROM [$(Schema)].[$(Table)]);
DECLARE @last BIGINT = (SELECT COALESCE(MAX(Id), 0) FROM [$(Schema)].[$(Table)]);
WHILE @id < @last
BEGIN
    UPDATE [$(Schema)].[$(Table)]
    SET ExperimentName = JSON_VALUE(PayloadJson, '$.experimentName'),
        VariantKey = COALESCE(
            JSON_VALUE(PayloadJson, '$.newVariantKey'),
            JSON_VALUE(PayloadJson, '$.variantKey'),
            JSON_VALUE(PayloadJson, '$.trialKey')),
        SubjectId = JSON_VALUE(PayloadJson, '$.subjectId'),
        TenantId = JSON_VALUE(PayloadJson, '$.tenantId')
    WHERE Id > @id AND Id <= @id + 4000 AND ExperimentName IS NULL;
    SET @id = @id + 4000;
END;
